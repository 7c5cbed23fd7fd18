import { randomUUID } from 'node:crypto';
import { MigrationRunner } from '../../platform/db/migrations.js';
import { type OwnDatabase, ownDatabase } from '../../../test/lib/own-database.js';
import { withClient } from '../../../test/lib/row-security.js';

const NAME = '20261125000600_document_access';
const [ORG, ADA, TEAM] = [randomUUID(), randomUUID(), randomUUID()];
const READERS = {
  private: [`user:${ADA}`],
  team: [`team:${TEAM}`, `user:${ADA}`],
  shared: [`user:${ADA}`, `user:${randomUUID()}`].sort(),
  organization: ['org'],
  system: ['everyone', 'org'],
};

let own: OwnDatabase;
beforeAll(async () => {
  own = await ownDatabase();
}, 120_000);
afterAll(() => own.drop());

const query = (sql: string, values: unknown[] = []) =>
  withClient(own.database.ownerUrl, async (client) => (await client.query(sql, values)).rows);

it('gives documents their readers; its reversal leaves nobody more than they had, and erases what fewer may read', async () => {
  const runner = new MigrationRunner(own.database.ownerUrl);
  await query(`INSERT INTO organizations (id, name) VALUES ($1, 'Acme')`, [ORG]);
  for (const [index, [level, readers]] of Object.entries(READERS).entries()) {
    const id = randomUUID();
    await query(
      `INSERT INTO documents (org_id, id, title, owner_kind, owner_id, status, version, media_type, size_bytes, metadata, access_level, access_grants, readers, seq, created_at, updated_at)
       VALUES ($1, $2, $3, 'user', $4, 'ready', 1, 'text/plain', 1, '{}', $3, '[]', $5, $6, now(), now())`,
      [ORG, id, level, ADA, readers, index],
    );
    await query(
      `INSERT INTO search_units (org_id, id, kind, subject_id, ordinal, title, body, tsv, length, grants, source) VALUES ($1, $2, 'document', $2, 0, $3, '', '', 0, $4, '{}')`,
      [ORG, id, level, readers],
    );
    await query(
      `INSERT INTO event_texts (org_id, seq, subject_kind, subject_id, salt, text) VALUES ($1, $2, 'document', $3, '\\x00', '{}')`,
      [ORG, index, id],
    );
  }

  while ((await runner.revert()) !== NAME);

  const reverted = `SELECT d.title, d.access_level, u.grants, t.text IS NULL AS erased FROM documents d
    JOIN search_units u ON u.subject_id = d.id JOIN event_texts t ON t.subject_id = d.id ORDER BY d.seq`;
  const alone = { access_level: 'private', grants: [`user:${ADA}`] };
  expect(await query(reverted)).toEqual([
    { title: 'private', ...alone, erased: false },
    { title: 'team', ...alone, erased: true },
    { title: 'shared', ...alone, erased: true },
    { title: 'organization', access_level: 'organization', grants: ['org'], erased: false },
    { title: 'system', access_level: 'organization', grants: ['org'], erased: true },
  ]);

  expect(await runner.deploy()).toContain(NAME);

  expect(await query('SELECT title, access_grants, readers FROM documents ORDER BY seq')).toEqual(
    (['private', 'team', 'shared', 'organization', 'system'] as const).map((title, index) => ({
      title,
      access_grants: [],
      readers: index < 3 ? [`user:${ADA}`] : ['org'],
    })),
  );
  expect((await runner.verify()).flatMap(({ failures }) => failures)).toEqual([]);
}, 120_000);
