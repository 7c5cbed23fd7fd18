import { randomBytes, randomUUID } from 'node:crypto';
import { EVENTS, type EventType, type OrgId } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { Events } from '@atrium/platform/events';
import { INSTANCE_ORG, systemContext } from '@atrium/platform/tenancy';
import { eventually, newColleague, newOrganization } from '../lib/api.js';
import { inLanes } from '../lib/lanes.js';
import { newTenant, send, type Tenant } from '../lib/matrix.js';
import { openApi, type Operation, operationsOf } from '../lib/openapi.js';
import { withClient } from '../lib/row-security.js';
import { testRun } from '../lib/run.js';
import { openTestApp } from '../lib/test-app.js';
import { CONTROLS, HOW_TO_ADD } from './controls.js';

interface Row {
  org_id: string;
  seq: string;
  type: EventType;
  actor_kind: string;
  actor_id: string | null;
  subject_id: string;
}

const owned = <T extends object>(sql: string, values: unknown[]): Promise<T[]> =>
  withClient(testRun().database.ownerUrl, async (client) => (await client.query<T>(sql, values)).rows);

/** The audited events of one request. */
const eventsOf = async (requestId: string): Promise<Row[]> =>
  (
    await owned<Row>('SELECT org_id, seq, type, actor_kind, actor_id, subject_id FROM events WHERE request_id = $1 ORDER BY type', [
      requestId,
    ])
  ).filter(({ type }) => EVENTS[type].audited);

/** Operations tried at the same time. */
const LANES = 6;
const MUTATING = (operation: Operation) => operation.method !== 'GET' && !operation.id.startsWith('search.');

describe('the audit log', () => {
  let tenant: Tenant;
  let operations: Operation[];
  beforeAll(async () => {
    tenant = await newTenant(`audit${randomBytes(4).toString('hex')}`);
    operations = operationsOf(await openApi());
  }, 120_000);

  it('has for each mutating operation what it is to tell', () => {
    const untold = operations.filter((one) => MUTATING(one) && CONTROLS[one.id]?.audited === undefined);
    expect(untold.map(({ id }) => `${id} does not say what it audits: ${HOW_TO_ADD}`)).toEqual([]);
  });

  it('tells each change once, with who did it, and seals it within three seconds (AU1)', async () => {
    const findings: string[] = [];
    const told: Row[] = [];
    await inLanes(LANES, operations.filter(MUTATING), async (operation) => {
      const control = CONTROLS[operation.id];
      if (!control?.audited) return;
      const by = control.asNewPerson ? await newColleague(tenant.owner, 'admin') : tenant.owner;
      const requestId = randomUUID();
      const answer = await send(by.api, operation, await control.call(tenant, by), requestId);
      const rows = await eventsOf(requestId);
      told.push(...rows);
      const types = rows.map(({ type }) => type);
      if (answer.status !== control.status) findings.push(`${operation.id} answered ${answer.status}: ${answer.text.slice(0, 200)}`);
      if (types.join() !== control.audited.join())
        findings.push(`${operation.id} told ${types.join()} instead of ${control.audited.join()}`);
      for (const row of rows) {
        const isOwnOrg = row.org_id === tenant.orgId || row.org_id === INSTANCE_ORG;
        if (operation.permission === 'public' || operation.id === 'organizations.create') continue;
        if (!isOwnOrg) findings.push(`${operation.id} told ${row.type} to another organization`);
        // What concerns an account belongs to the instance: its subject is the person, and nobody of an organization acts.
        const who = row.org_id === INSTANCE_ORG ? row.subject_id : row.actor_id;
        if (who !== by.user.id) findings.push(`${operation.id} names ${row.actor_kind} ${who}`);
      }
    });
    const unsealed = async () => {
      const seals = await owned<{ key: string }>(`SELECT org_id || ':' || seq AS key FROM event_seals WHERE org_id = ANY ($1)`, [
        [...new Set(told.map((row) => row.org_id))],
      ]);
      const sealed = new Set(seals.map(({ key }) => key));
      return told.filter((row) => !sealed.has(`${row.org_id}:${row.seq}`));
    };
    await eventually('every event is sealed', async () => (await unsealed()).length === 0, 3_000);
    expect(findings).toEqual([]);
  }, 120_000);

  it('tells nothing where nothing changed (AU1)', async () => {
    const findings: string[] = [];
    await inLanes(LANES, operations.filter(MUTATING), async (operation) => {
      const control = CONTROLS[operation.id];
      if (!control?.noChange) return;
      const by = control.asNewPerson ? await newColleague(tenant.owner, 'admin') : tenant.owner;
      const requestId = randomUUID();
      const answer = await send(by.api, operation, await control.noChange(tenant, by), requestId);
      const rows = await eventsOf(requestId);
      if (answer.status >= 500) findings.push(`${operation.id} answered ${answer.status}`);
      if (rows.length > 0) findings.push(`${operation.id} (${answer.status}) told ${rows.map(({ type }) => type).join()}`);
    });
    expect(findings).toEqual([]);
  }, 120_000);

  it('tells a repeated request once', async () => {
    const requestIds = [randomUUID(), randomUUID()];
    const headers = { 'idempotency-key': randomUUID() };
    const operation = { method: 'POST', path: '/v1/channels' };
    for (const requestId of requestIds) {
      const call = { body: { name: `Repeated ${tenant.mark}` }, headers };
      expect((await send(tenant.owner.api, operation, call, requestId)).status).toBe(201);
    }

    expect([(await eventsOf(requestIds[0] ?? '')).length, (await eventsOf(requestIds[1] ?? '')).length]).toEqual([1, 0]);
  });

  it('takes its event back with the change (AU2)', async () => {
    const { app, close } = await openTestApp();
    const requestId = randomUUID();
    const ctx = systemContext(tenant.orgId as OrgId, requestId);
    try {
      const attempt = app.get(Db).inOrg(ctx, async (tx) => {
        await tx.$executeRaw`UPDATE organizations SET name = 'half' WHERE id = ${tenant.orgId}::uuid`;
        await app.get(Events).append(tx, ctx, {
          type: 'organizations.renamed',
          subject: { kind: 'organization', id: tenant.orgId },
          audience: 'organization',
          data: {},
        });
        throw new Error('after the append');
      });

      await expect(attempt).rejects.toThrow('after the append');
      expect(await eventsOf(requestId)).toEqual([]);
      expect((await tenant.owner.api.get<{ name: string }>('/v1/organization')).name).not.toBe('half');
    } finally {
      await close();
    }
  });

  it('lets no change happen that it cannot tell (AU2)', async () => {
    const owner = await newOrganization('No log');
    const orgId = owner.organization.id;
    await eventually('sealed', async () => (await owned('SELECT 1 FROM event_seals WHERE org_id = $1', [orgId])).length >= 2);
    await owned('DELETE FROM event_heads WHERE org_id = $1', [orgId]);
    const calls: [string, string, unknown][] = [
      ['POST', '/v1/channels', { name: 'untold' }],
      ['PATCH', '/v1/organization', { name: 'untold' }],
      ['POST', '/v1/api-keys', { name: 'untold' }],
      ['POST', '/v1/documents', { title: 'untold', text: 'untold' }],
    ];

    for (const [method, path, body] of calls) expect((await owner.api.call(method, path, { body })).status).toBe(500);

    for (const table of ['channels', 'api_keys', 'documents'])
      expect(await owned(`SELECT 1 FROM ${table} WHERE org_id = $1`, [orgId])).toEqual([]);
    expect(await owned(`SELECT name FROM organizations WHERE id = $1`, [orgId])).toEqual([{ name: 'No log' }]);
  });
});
