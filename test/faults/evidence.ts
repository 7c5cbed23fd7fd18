import type { AuditVerification } from '@atrium/contracts';
import { loadConfig } from '@atrium/platform/config';
import { type Database, openDatabase } from '@atrium/platform/db';
import { withClient } from '../lib/row-security.js';
import type { Burst, Crowd } from '../lib/burst.js';

/** The database of a server, opened by the test: on embedded data only while that server is down. */
export async function withDatabase<T>(
  dataDir: string,
  environment: Record<string, string>,
  use: (database: Database) => Promise<T>,
): Promise<T> {
  const database = await openDatabase(loadConfig({ ...environment, DATA_DIR: dataDir, NODE_ENV: 'test', LOG_LEVEL: 'fatal' }));
  try {
    return await use(database);
  } finally {
    await database.stop();
  }
}

/** What the database holds against what clients were told: lost, doubled and gaps, each with an example. Empty: nothing of the kind. */
export function lossesIn(ownerUrl: string, burst: Burst): Promise<string[]> {
  return withClient(ownerUrl, async (client) => {
    const found: string[] = [];
    const { rows } = await client.query<{ id: string; client_id: string; seq: string }>(
      'SELECT id, client_id, seq FROM messages WHERE client_id IS NOT NULL',
    );
    const stored = new Map<string, { id: string; seq: string }[]>();
    for (const row of rows) stored.set(row.client_id, [...(stored.get(row.client_id) ?? []), row]);
    for (const [clientId, message] of burst.acknowledged) {
      const [row, ...more] = stored.get(clientId) ?? [];
      if (!row) found.push(`${clientId} was acknowledged and is lost`);
      else if (row.id !== message.id || Number(row.seq) !== message.seq) found.push(`${clientId} was acknowledged as another message`);
      if (more.length > 0) found.push(`${clientId} stands ${more.length + 1} times`);
    }
    if (rows.length !== burst.acknowledged.size) found.push(`${rows.length} messages for ${burst.acknowledged.size} acknowledged`);
    const wrongHeads = await client.query<{ org_id: string }>(`
      SELECT h.org_id FROM event_heads h LEFT JOIN events e ON e.org_id = h.org_id GROUP BY h.org_id, h.seq
      HAVING count(e.seq) <> h.seq OR count(DISTINCT e.seq) <> h.seq OR coalesce(max(e.seq), 0) <> h.seq OR coalesce(min(e.seq), 1) <> 1`);
    for (const { org_id } of wrongHeads.rows) found.push(`the log of ${org_id} has gaps or repeats`);
    const unheard = await client.query<{ id: string }>(`
      SELECT m.id FROM messages m LEFT JOIN events e ON e.org_id = m.org_id AND e.type = 'chat.message_posted' AND e.subject_id = m.id
      GROUP BY m.org_id, m.id, m.seq HAVING count(e.seq) <> 1 OR max(e.seq) <> m.seq`);
    for (const { id } of unheard.rows) found.push(`message ${id} has no event of its own, or several`);
    return found.slice(0, 20);
  });
}

/** The verdict of the audit page on each crowd's log; all valid when nothing is wrong. */
export async function invalidLogs(crowds: Crowd[]): Promise<AuditVerification[]> {
  const verdicts = await Promise.all(crowds.map(({ owner }) => owner.api.get<AuditVerification>('/v1/audit/verify')));
  return verdicts.filter((verdict) => !verdict.valid);
}
