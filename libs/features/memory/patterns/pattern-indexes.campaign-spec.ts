import { randomUUID } from 'node:crypto';
import { newOrganization } from '../../../../test/lib/api.js';
import { withClient } from '../../../../test/lib/row-security.js';
import { testRun } from '../../../../test/lib/run.js';

/** The plan that the app's role gets, with 3,000 patterns of three authors and as many usages in the organization. */
async function plansOf(queries: readonly string[], values: readonly string[]): Promise<string[]> {
  const { organization, user } = await newOrganization();
  const fill = `
    INSERT INTO patterns (org_id, id, owner_id, created_by_kind, created_by_id, name, situation, action, access_level, access_grants, readers, tags, metadata, status, confidence, created_at, updated_at)
    SELECT '${organization.id}', gen_random_uuid(), '${user.id}', 'agent', ($1::uuid[])[1 + n % 3], 'n', 's', 'a', 'organization', '[]', '{org}', '{}', '{}', 'active', n % 10000, now(), now()
    FROM generate_series(1, 3000) n`;
  const use = `
    INSERT INTO pattern_usages (org_id, id, pattern_id, succeeded, note, used_at, used_by_kind, used_by_id, created_at)
    SELECT org_id, gen_random_uuid(), id, random() < 0.5, '', now() - random() * interval '90 days', 'agent', created_by_id, now() FROM patterns WHERE org_id = '${organization.id}'`;
  return withClient(testRun().database.ownerUrl, async (client) => {
    await client.query('BEGIN');
    try {
      await client.query(fill, [values]);
      await client.query(use);
      await client.query('ANALYZE patterns, pattern_usages');
      await client.query(`SET LOCAL ROLE atrium_app; SET LOCAL app.org_id = '${organization.id}'`);
      const plans: string[] = [];
      for (const query of queries) {
        const { rows } = await client.query<Record<string, string>>(`EXPLAIN ${query.replaceAll('$org', `'${organization.id}'`)}`);
        plans.push(rows.map((row) => row['QUERY PLAN']).join('\n'));
      }
      return plans;
    } finally {
      await client.query('ROLLBACK');
    }
  });
}

it('reads the best patterns of an author, and what an agent used with success, by their indexes and without sorting', async () => {
  const agents = [randomUUID(), randomUUID(), randomUUID()] as const;
  const [best, used] = await plansOf(
    [
      `SELECT * FROM patterns WHERE org_id = $org AND created_by_id = '${agents[0]}' AND readers && '{org}'::text[] ORDER BY confidence DESC, id DESC LIMIT 51`,
      `SELECT * FROM pattern_usages WHERE org_id = $org AND used_by_id = '${agents[0]}' AND succeeded ORDER BY used_at DESC LIMIT 51`,
    ],
    agents,
  );

  expect(best).toContain('patterns_author_performance');
  expect(used).toContain('pattern_usages_user_success_time');
  expect(`${best}${used}`).not.toMatch(/Seq Scan|Sort/);
});
