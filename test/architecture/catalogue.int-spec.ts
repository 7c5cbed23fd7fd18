import { catalogueFindings } from '@atrium/platform/db';
import { type OwnDatabase, ownDatabase } from '../lib/own-database.js';
import { withClient } from '../lib/row-security.js';

describe('the catalogue', () => {
  let own: OwnDatabase;

  beforeAll(async () => {
    own = await ownDatabase();
  });
  afterAll(() => own.drop());

  it('TN6, TN8: is as tables.ts says', async () => {
    expect(await catalogueFindings(own.db, own.database.logins)).toEqual([]);
  });

  it.each([
    [
      'a table that is in no class',
      'CREATE TABLE stray (id uuid PRIMARY KEY)',
      'DROP TABLE stray',
      'table stray is in no class of tables.ts',
    ],
    [
      'a table without forced row security',
      'ALTER TABLE search_totals NO FORCE ROW LEVEL SECURITY',
      'ALTER TABLE search_totals FORCE ROW LEVEL SECURITY',
      'table search_totals: row level security is not enabled and forced',
    ],
    [
      'a policy that lets everything through',
      'CREATE POLICY stray ON search_totals TO atrium_app USING (true)',
      'DROP POLICY stray ON search_totals',
      'policy search_totals.stray atrium_app * is not listed',
    ],
    [
      'a unique index that tells of others',
      'CREATE UNIQUE INDEX stray ON search_totals (units)',
      'DROP INDEX stray',
      'unique index stray does not start with org_id: it tells of other organizations',
    ],
    [
      'a right on an identity table',
      'GRANT SELECT ON users TO atrium_app',
      'REVOKE SELECT ON users FROM atrium_app',
      'atrium_app has a right on users, which is no tenant table',
    ],
    [
      'a right to change the log',
      'GRANT UPDATE ON events TO atrium_app',
      'REVOKE UPDATE ON events FROM atrium_app',
      'atrium_app may change the event log',
    ],
    [
      'a definer function that is not listed',
      "CREATE FUNCTION stray() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
      'DROP FUNCTION stray()',
      "function stray runs with its owner's rights and is not listed",
    ],
    [
      'a foreign key without the organization',
      'ALTER TABLE agent_turns ADD CONSTRAINT stray FOREIGN KEY (org_id) REFERENCES organizations (id) ON DELETE SET NULL',
      'ALTER TABLE agent_turns DROP CONSTRAINT stray',
      'foreign key stray sets null or default',
    ],
  ])('finds %s', async (_what, breaks, mends, finding) => {
    await withClient(own.database.ownerUrl, (client) => client.query(breaks));
    try {
      expect(await catalogueFindings(own.db, own.database.logins)).toContain(finding);
    } finally {
      await withClient(own.database.ownerUrl, (client) => client.query(mends));
    }
  });
});
