import { TABLES } from '@atrium/platform/db';
import type { Person } from '../lib/api.js';
import { newTenant } from '../lib/matrix.js';
import { acrossOrganizations, withClient, withoutOrganization } from '../lib/row-security.js';
import { testRun } from '../lib/run.js';
import { CONTROLS } from './controls.js';

const { database } = testRun();

/** Calls whose preparation leaves rows in tables that a tenant of the matrix does not fill by itself. */
const FILLING = [
  'teams.removeMember',
  'tasks.removeComment',
  'tasks.removeDependency',
  'approvals.get',
  'schedules.get',
  'workflowRuns.get',
  'memoryReviews.get',
  'patterns.usages',
  'agentRuns.reconcile',
  'webhooks.replay',
  'mcpServers.review',
  'httpTools.get',
  'incomingWebhooks.remove',
  'modelProviders.get',
  'modelBudgets.get',
];
/** Tables whose rows come and go with background work, or need a model. */
const PASSING = [
  'agent_turns',
  'event_failures',
  'message_sources',
  'model_calls',
  'model_spendings',
  'search_debts',
  'search_pending',
  'search_terms',
  'search_totals',
  'search_veils',
];

/** An organization with a row in as many tenant tables as its public routes can fill. */
async function filledOrganization(name: string): Promise<Person> {
  const tenant = await newTenant(name.toLowerCase());
  for (const id of FILLING) await CONTROLS[id]?.call(tenant, tenant.owner);
  await tenant.owner.api.post('/v1/channels', { name: 'plans' }, { 'idempotency-key': `fill-${name}` });
  return tenant.owner;
}

describe('row level security', () => {
  let own: Person;
  let other: Person;

  beforeAll(async () => {
    own = await filledOrganization('Own');
    other = await filledOrganization('Other');
  });

  it('TN4: shows and changes nothing without an organization', async () => {
    expect(await withoutOrganization(database.appUrl, own.organization.id)).toEqual([]);
  });

  it('TN5: shows and changes nothing of another organization', async () => {
    expect(await acrossOrganizations(database.appUrl, own.organization.id, other.organization.id)).toEqual([]);
    expect(await acrossOrganizations(database.appUrl, other.organization.id, own.organization.id)).toEqual([]);
  });

  it('has rows to protect in most tenant tables', async () => {
    const empty = await withClient(database.ownerUrl, async (client) => {
      const found: string[] = [];
      for (const table of TABLES.tenant) {
        const { rows } = await client.query<{ any: boolean }>(
          `SELECT EXISTS (SELECT 1 FROM ${table} WHERE ${table === 'organizations' ? 'id' : 'org_id'} = '${other.organization.id}') AS any`,
        );
        if (!rows[0]?.any) found.push(table);
      }
      return found;
    });
    expect(empty.filter((table) => !PASSING.includes(table))).toEqual([]);
  });

  it('keeps the app login out of every other role, and the log unchangeable', async () => {
    await withClient(database.appUrl, async (client) => {
      for (const role of ['atrium_identity', 'atrium_system', 'atrium_search', 'postgres']) {
        await client.query('BEGIN');
        await expect(client.query(`SET LOCAL ROLE ${role}`)).rejects.toMatchObject({ code: '42501' });
        await client.query('ROLLBACK');
      }
      for (const statement of [
        "UPDATE events SET type = 'x'",
        'DELETE FROM events',
        'TRUNCATE events',
        "UPDATE event_seals SET hash = 'x'",
        'DELETE FROM event_seals',
        'ALTER TABLE events DISABLE TRIGGER ALL',
        'DROP TABLE events',
      ]) {
        await client.query(`BEGIN; SET LOCAL ROLE atrium_app; SET LOCAL app.org_id = '${own.organization.id}'`);
        await expect(client.query(statement)).rejects.toMatchObject({ code: '42501' });
        await client.query('ROLLBACK');
      }
    });
    await withClient(database.ownerUrl, async (client) => {
      await expect(client.query("UPDATE events SET type = 'x' WHERE org_id = $1", [own.organization.id])).rejects.toMatchObject({
        code: '42501',
      });
      await expect(client.query('DELETE FROM events WHERE org_id = $1', [own.organization.id])).rejects.toMatchObject({ code: '42501' });
    });
  });
});
