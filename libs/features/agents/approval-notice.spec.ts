import type { Approval, ApprovalId, ApprovalStatus } from '@atrium/contracts';
import { decidedNotice, shownCall, waitingNotice } from './approval-notice.js';

const id = '0192c000-0000-7000-8000-000000000001' as ApprovalId;
const approval = (status: ApprovalStatus) => ({ id, status, expiresAt: '2026-05-01T10:00:00.000Z' }) as Approval;
const early = new Date('2026-05-01T09:30:00.000Z');
const late = new Date('2026-05-01T10:00:00.000Z');

describe('the notice of an approval', () => {
  const waiting = waitingNotice('May I?', id, ['Ada Lovelace', 'Bob']);

  it('says who may decide', () => {
    expect(waiting).toBe(`May I?\n\nApproval ${id}: waiting for a decision. It may be decided by Ada Lovelace, Bob.`);
  });

  it.each([
    ['approved', early, 'approved by Ada on 2026-05-01 09:30 UTC.'],
    ['rejected', early, 'rejected by Ada on 2026-05-01 09:30 UTC.'],
    ['expired', late, 'expired on 2026-05-01 10:00 UTC: nobody decided in time.'],
    ['expired', early, 'taken back on 2026-05-01 09:30 UTC: what waited for it has ended.'],
  ] as const)('says once that it was %s', (status, at, said) => {
    const told = decidedNotice(waiting, approval(status), 'Ada', at);
    expect(told).toBe(`May I?\n\nApproval ${id}: ${said}`);
    expect(decidedNotice(told, approval(status), 'Ada', late)).toBe(told);
  });

  it('shows a call in one line, without values of headers and without a live link', () => {
    const shown = shownCall('http_request', {
      url: 'https://evil.example/x',
      headers: { authorization: 'Bearer x1' },
      body: 'a\nb'.repeat(999),
    });
    expect(shown).toContain('"url":"https:// evil.example/x"');
    expect(shown).toContain('"authorization":"[secret]"');
    expect(shown.length).toBeLessThan(700);
  });
});
