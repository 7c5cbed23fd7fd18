import type { Channel, Document } from '@atrium/contracts';
import { TABLES } from '@atrium/platform/db';
import { eventually, newColleague, newOrganization, type Person } from '../lib/api.js';
import { acrossOrganizations, withClient, withoutOrganization } from '../lib/row-security.js';
import { testRun } from '../lib/run.js';

const { database } = testRun();

/** An organization with a row in as many tenant tables as its public routes can fill. */
async function filledOrganization(name: string): Promise<Person> {
  const owner = await newOrganization(name);
  await newColleague(owner);
  await owner.api.post('/v1/api-keys', { name: 'a key' });
  const channel = await owner.api.post<Channel>('/v1/channels', { name: 'plans' });
  const message = await owner.api.post<{ id: string }>(
    `/v1/channels/${channel.id}/messages`,
    { body: `the secret of ${name}` },
    { 'idempotency-key': `fill-${name}` },
  );
  await owner.api.patch(`/v1/messages/${message.id}`, { body: `the other secret of ${name}` });
  const document = await owner.api.post<Document>('/v1/documents', { title: 'A plan', text: `The plan of ${name} is to grow tomatoes.` });
  await eventually('the document is ready', async () => (await owner.api.get<Document>(`/v1/documents/${document.id}`)).status === 'ready');
  return owner;
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
    expect(
      empty.filter(
        (table) => !['agent_turns', 'event_failures', 'message_sources', 'search_debts', 'search_terms', 'search_totals'].includes(table),
      ),
    ).toEqual([]);
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
