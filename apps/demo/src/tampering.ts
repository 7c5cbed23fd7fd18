import { cpSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { loadConfig } from '@atrium/platform/config';
import { openDatabase } from '@atrium/platform/db';

/** Copies a stopped server's data folder and flips one byte of one audit record in the copy, as its database's superuser. Answers the record's seq. */
export async function tamperWithCopy(dataDir: string, copyDir: string, orgId: string): Promise<number> {
  cpSync(dataDir, copyDir, { recursive: true });
  const database = await openDatabase(loadConfig({ DATA_DIR: join(copyDir) }));
  const client = new pg.Client({ connectionString: database.ownerUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ seq: string; request_id: string }>(
      `SELECT seq, request_id FROM events WHERE org_id = $1 AND type = 'chat.message_posted' AND request_id IS NOT NULL ORDER BY seq LIMIT 1`,
      [orgId],
    );
    const record = rows[0];
    if (!record) throw new Error('there is no message in the log');
    const flipped = String.fromCharCode(record.request_id.charCodeAt(0) ^ 1) + record.request_id.slice(1);
    await client.query('BEGIN');
    await client.query('SET LOCAL session_replication_role = replica');
    await client.query('UPDATE events SET request_id = $3 WHERE org_id = $1 AND seq = $2', [orgId, record.seq, flipped]);
    await client.query('COMMIT');
    return Number(record.seq);
  } finally {
    await client.end();
    await database.stop();
  }
}
