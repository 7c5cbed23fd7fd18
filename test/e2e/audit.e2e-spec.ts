import type { AuditPage, AuditRow, AuditVerification, Channel, Message } from '@atrium/contracts';
import type { z } from 'zod';
import { anonymous, eventually, newColleague, newOrganization } from '../lib/api.js';

type Rows = z.infer<typeof AuditPage>;

it('tells an admin who did what, in sealed records without the text of persons', async () => {
  const owner = await newOrganization();
  const channel = await owner.api.post<Channel>('/v1/channels', { name: 'very secret plan', kind: 'private' });
  const message = await owner.api.post<Message>(`/v1/channels/${channel.id}/messages`, { body: 'the launch code' });

  const [row] = await eventually('the message’s record is sealed', async () => {
    const { data } = await owner.api.get<Rows>('/v1/audit', { type: 'chat.*', limit: 1 });
    return data[0]?.hash ? data : null;
  });

  expect(row).toMatchObject({
    seq: message.seq,
    type: 'chat.message_posted',
    actor: { kind: 'user', id: owner.user.id },
    subject: { kind: 'message', id: message.id },
    data: { channelId: channel.id },
    requestId: expect.any(String),
    ip: expect.any(String),
  });
  const all = await owner.api.get<Rows>('/v1/audit', { limit: 200 });
  expect(JSON.stringify(all)).not.toMatch(/launch code|secret plan/);
  const { data } = all;
  data.slice(0, -1).forEach((later, i) => {
    if (later.previousHash && data[i + 1]?.seq === later.seq - 1) expect(later.previousHash).toBe(data[i + 1]?.hash);
  });
});

it('verifies the chain', async () => {
  const owner = await newOrganization();

  const verification = await eventually('everything is sealed', async () => {
    const now = await owner.api.get<AuditVerification>('/v1/audit/verify');
    return now.sealedCount === now.count ? now : null;
  });

  expect(verification).toMatchObject({ valid: true, firstInvalidSeq: null, reason: null, head: expect.stringMatching(/^[0-9a-f]{64}$/) });
});

it('exports the log as NDJSON and as CSV, and tells that it did', async () => {
  const owner = await newOrganization();

  const lines = await owner.api.call<string>('GET', '/v1/audit/export');
  const csv = await owner.api.call<string>('GET', '/v1/audit/export', { query: { format: 'csv', type: 'audit.*' } });

  expect(lines.headers.get('content-type')).toContain('application/x-ndjson');
  const rows = lines.body
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as AuditRow);
  expect(rows.map(({ type }) => type)).toContain('organizations.created');
  expect(csv.headers.get('content-type')).toContain('text/csv');
  expect(csv.headers.get('content-disposition')).toMatch(/^attachment; filename="audit-\d+\.csv"$/);
  expect(csv.body.trim().split('\r\n')).toHaveLength(2);
  const { data } = await owner.api.get<Rows>('/v1/audit', { type: 'audit.exported' });
  expect(data.map((row) => row.data['format'])).toEqual(['csv', 'ndjson']);
});

it('is open to admins only', async () => {
  const owner = await newOrganization();
  const [admin, member, guest] = [
    await newColleague(owner, 'admin'),
    await newColleague(owner, 'member'),
    await newColleague(owner, 'guest'),
  ];

  await admin.api.get('/v1/audit');
  for (const path of ['/v1/audit', '/v1/audit/verify', '/v1/audit/export']) {
    for (const { api } of [member, guest]) expect(await api.refused(403, 'GET', path)).toMatchObject({ code: 'auth.permission_missing' });
    await anonymous().refused(401, 'GET', path);
  }
  expect(await owner.api.refused(400, 'GET', '/v1/audit', { query: { cursor: 'x' } })).toMatchObject({ code: 'request.invalid' });
});
