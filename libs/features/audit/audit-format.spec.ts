import type { AuditRow } from '@atrium/contracts';
import { csvHeader, toCsv, toNdjson } from './audit-format.js';

function row(more: Partial<Record<keyof AuditRow, unknown>> = {}): AuditRow {
  return {
    seq: 7,
    id: 'e1',
    type: 'chat.message_posted',
    version: 1,
    organizationId: 'o1',
    actor: { kind: 'user', id: 'u1' },
    onBehalfOf: null,
    via: null,
    subject: { kind: 'message', id: 'm1' },
    data: { channelId: 'c1' },
    changes: {},
    requestId: null,
    ip: null,
    hash: null,
    previousHash: null,
    createdAt: '2026-11-21T00:00:00.000Z',
    ...more,
  } as unknown as AuditRow;
}

it('writes one line of JSON a record', () => {
  const text = toNdjson([row(), row({ seq: 6 })]);

  expect(
    text
      .split('\n')
      .filter(Boolean)
      .map((line) => (JSON.parse(line) as AuditRow).seq),
  ).toEqual([7, 6]);
  expect(text.endsWith('\n')).toBe(true);
});

it('writes as many cells as the header has, quoted where they hold commas', () => {
  const [header = '', line = ''] = (csvHeader() + toCsv([row({ data: { a: 1, b: 'x,y' } })])).split('\r\n');

  expect(header.split(',')).toHaveLength(19);
  expect(line).toContain('"{""a"":1,""b"":""x,y""}"');
});

it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '＝1+1'])('neutralises the cell %j that a spreadsheet would run', (requestId) => {
  const text = toCsv([row({ requestId })]);

  expect(text).toMatch(new RegExp(`,"?'${requestId.replace(/[+@()]/g, '\\$&')}`));
});

it('leaves other cells as they are', () => {
  expect(toCsv([row({ requestId: 'a=b' })])).toContain(',a=b,');
});
