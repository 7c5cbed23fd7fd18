import { randomBytes, randomUUID } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { v7 as uuidv7 } from 'uuid';
import type { AuditRow, OrgId, UserId } from '@atrium/contracts';
import { Cipher } from '@atrium/platform/config';
import { Db } from '@atrium/platform/db';
import { type EventDraft, Events, LogReader, type Verifier } from '@atrium/platform/events';
import { Log, Metrics } from '@atrium/platform/observability';
import { type OrgContext, systemContext } from '@atrium/platform/tenancy';
import { testRun } from '../../../test/lib/run.js';
import { AuditExportService } from './audit-export.service.js';
import { AuditQueries } from './audit.queries.js';

let db: Db;
let events: Events;
let audit: AuditQueries;
let exports: AuditExportService;

beforeAll(() => {
  const { appUrl, systemUrl } = testRun().database;
  const metrics = new Metrics();
  db = new Db({ appUrl, systemUrl, poolSize: 4, cipher: new Cipher(randomBytes(32)), log: new Log('fatal'), metrics });
  events = new Events(metrics);
  audit = new AuditQueries(db, events, new LogReader(), {} as Verifier);
  exports = new AuditExportService(db, events, new LogReader());
});
afterAll(() => db.close());

async function newAuditor(): Promise<OrgContext> {
  const orgId = uuidv7() as OrgId;
  const system = systemContext(orgId, 'test');
  await db.inOrg(system, (tx) => events.open(tx, system));
  return { ...system, principal: { kind: 'user', id: uuidv7() as UserId, role: 'admin', onBehalfOf: null } };
}

async function append(ctx: OrgContext, ...drafts: Partial<EventDraft>[]): Promise<void> {
  const whole = drafts.map((draft): EventDraft => ({
    type: 'chat.channel_created',
    subject: { kind: 'channel', id: randomUUID() },
    audience: 'nobody',
    ...draft,
  }));
  await db.inOrg(ctx, (tx) => events.appendMany(tx, ctx, whole));
}

const list = async (ctx: OrgContext, query: object = {}) => (await audit.list(ctx, { limit: 200, ...query })).data;
const seqs = (rows: AuditRow[]) => rows.map(({ seq }) => seq);

it('shows what is audited, newest first, without text and without what a text was made of', async () => {
  const ctx = await newAuditor();
  await append(
    ctx,
    {
      text: { channel: { name: 'Überraschung' } },
      data: { kind: 'private' },
      changes: { name: ['[text]', '[text]'] },
      requires: [['user:x']],
    },
    { type: 'documents.ingestion_progressed' },
    { type: 'chat.channel_deleted' },
  );

  const rows = await list(ctx);

  expect(rows.map(({ seq, type }) => [seq, type])).toEqual([
    [3, 'chat.channel_deleted'],
    [1, 'chat.channel_created'],
  ]);
  expect(rows[1]).toMatchObject({
    data: { kind: 'private' },
    changes: { name: ['[text]', '[text]'] },
    actor: { kind: 'user', id: ctx.principal.id },
    hash: null,
  });
  expect(JSON.stringify(rows)).not.toMatch(/berraschung|requires|user:x/);
});

it('pages by seq and shows nothing of another organization', async () => {
  const ctx = await newAuditor();
  await append(ctx, {}, {}, {}, {}, {});

  const first = await audit.list(ctx, { limit: 3 });
  const second = await audit.list(ctx, { limit: 3, cursor: first.nextCursor ?? '' });

  expect([seqs(first.data), seqs(second.data), second.nextCursor]).toEqual([[5, 4, 3], [2, 1], null]);
  expect(await list(await newAuditor())).toEqual([]);
});

it('filters by type, actor, subject and time', async () => {
  const ctx = await newAuditor();
  const other: OrgContext = { ...ctx, principal: { kind: 'user', id: uuidv7() as UserId, role: 'member', onBehalfOf: null } };
  const subject = { kind: 'document', id: randomUUID() };
  await append(ctx, {}, { type: 'documents.removed', subject });
  await append(other, { type: 'documents.changed', subject });
  const [{ createdAt: last } = { createdAt: '' }] = await list(ctx);

  expect(seqs(await list(ctx, { type: 'documents.*' }))).toEqual([3, 2]);
  expect(seqs(await list(ctx, { type: 'documents.removed' }))).toEqual([2]);
  expect(seqs(await list(ctx, { type: 'documents' }))).toEqual([]);
  expect(seqs(await list(ctx, { type: "x' OR true --" }))).toEqual([]);
  expect(seqs(await list(ctx, { actorId: other.principal.id }))).toEqual([3]);
  expect(seqs(await list(ctx, { subjectKind: 'document', subjectId: subject.id }))).toEqual([3, 2]);
  expect(seqs(await list(ctx, { from: last }))).toContain(3);
  expect(seqs(await list(ctx, { to: last }))).not.toContain(3);
});

it('shows the hash of a sealed record and of the one before it', async () => {
  const ctx = await newAuditor();
  await append(ctx, {}, {}, {});
  await db.inOrg(
    ctx,
    (tx) =>
      tx.$executeRaw`INSERT INTO event_seals (org_id, seq, hash, signature) VALUES (${ctx.orgId}::uuid, 1, 'h1', ''), (${ctx.orgId}::uuid, 2, 'h2', '')`,
  );

  expect((await list(ctx)).map(({ hash, previousHash }) => [hash, previousHash])).toEqual([
    [null, null],
    ['h2', 'h1'],
    ['h1', '0'.repeat(64)],
  ]);
});

it('exports more than a page, up to its own beginning, and tells that it did', async () => {
  const ctx = await newAuditor();
  for (let i = 0; i < 3; i++) await append(ctx, ...Array.from({ length: 400 }, () => ({})));

  const file = await exports.export(ctx, { format: 'ndjson', type: 'chat.*' });
  await append(ctx, {});
  const rows = (await text(file.getStream()))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as AuditRow);

  expect(seqs(rows)).toEqual(Array.from({ length: 1_200 }, (_, i) => 1_200 - i));
  expect(await list(ctx, { type: 'audit.exported' })).toMatchObject([
    { seq: 1_201, data: { format: 'ndjson', filter: { type: 'chat.*' } } },
  ]);
});

it('exports CSV with a header', async () => {
  const ctx = await newAuditor();
  await append({ ...ctx, requestId: '=cmd()' }, {});

  const lines = (await text((await exports.export(ctx, { format: 'csv' })).getStream())).trim().split('\r\n');

  expect(lines).toHaveLength(2);
  expect(lines[0]).toMatch(/^seq,createdAt,type,/);
  expect(lines[1]).toContain(",'=cmd(),");
});
