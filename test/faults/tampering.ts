import { createHash, createHmac, randomBytes, randomInt, randomUUID } from 'node:crypto';
import type pg from 'pg';

/** An attacker with all rights on the database, but without AUDIT_KEY and without the folder of the heads. */
export class Tamperer {
  constructor(
    private readonly client: pg.Client,
    private readonly orgId: string,
    readonly count: number,
  ) {}

  /** Keeps a copy of the log. */
  async prepare(): Promise<void> {
    for (const table of TABLES) {
      await this.client.query(`DROP TABLE IF EXISTS kept_${table}`);
      await this.client.query(`CREATE TABLE kept_${table} AS SELECT * FROM ${table} WHERE org_id = '${this.orgId}'`);
    }
  }

  /** One transaction in which the triggers that guard the log sleep. */
  async unguarded<T>(work: () => Promise<T>): Promise<T> {
    await this.client.query('BEGIN; SET LOCAL session_replication_role = replica');
    const result = await work();
    await this.client.query('COMMIT');
    return result;
  }

  /** Everything as it was. */
  async restore(): Promise<void> {
    await this.unguarded(async () => {
      for (const table of TABLES) {
        await this.run(`DELETE FROM ${table} WHERE org_id = $1`);
        await this.client.query(`INSERT INTO ${table} SELECT * FROM kept_${table}`);
      }
    });
  }

  /** Takes the copy away again. */
  async forget(): Promise<void> {
    for (const table of TABLES) await this.client.query(`DROP TABLE kept_${table}`);
  }

  /** Changes one record, or its text, or its seal. @returns the first bad seq */
  async edit(): Promise<number[]> {
    const seq = this.anySeq();
    const change = EDITS[randomInt(EDITS.length)] ?? '';
    const { rowCount } = await this.run(change, seq);
    // Not every record has a text: then another of its fields.
    if (rowCount === 0) await this.run(`UPDATE events SET actor_id = gen_random_uuid() WHERE org_id = $1 AND seq = $2`, seq);
    return [seq];
  }

  /** Removes a record, with or without its seal, from the middle. */
  async remove(): Promise<number[]> {
    const seq = randomInt(1, this.count);
    await this.run('DELETE FROM events WHERE org_id = $1 AND seq = $2', seq);
    if (randomInt(2)) await this.run('DELETE FROM event_seals WHERE org_id = $1 AND seq = $2', seq);
    return [seq];
  }

  /** Two records change places, with or without their seals. */
  async swap(): Promise<number[]> {
    const [a, b] = this.twoSeqs();
    const tables = randomInt(2) ? ['events'] : ['events', 'event_seals'];
    for (const table of tables) {
      await this.run(`UPDATE ${table} SET seq = -seq WHERE org_id = $1 AND seq IN ($2, $3)`, a, b);
      await this.run(`UPDATE ${table} SET seq = $2::bigint + $3::bigint + seq WHERE org_id = $1 AND seq < 0`, a, b);
    }
    return [a];
  }

  /** A record more: a twin of a seq, in the place of one with all behind it moved on, or behind the end. */
  async insert(): Promise<number[]> {
    const seq = this.anySeq();
    const way = randomInt(3);
    if (way === 0) {
      await this.copy(seq, seq, `e.at + interval '1 second' * ${randomInt(2) ? 1 : -1}`);
      return [seq, seq + 1];
    }
    if (way === 1) {
      await this.copy(seq, this.count + 1, 'e.at');
      return [this.count + 1];
    }
    await this.run('UPDATE events SET seq = -seq WHERE org_id = $1 AND seq >= $2', seq);
    await this.run('UPDATE events SET seq = 1 - seq WHERE org_id = $1 AND seq < 0');
    await this.run('UPDATE event_heads SET seq = seq + 1 WHERE org_id = $1');
    await this.copy(seq + 1, seq, 'e.at');
    return [seq];
  }

  /** The last records gone, with their seals and from the head in the database. */
  async truncate(): Promise<number[]> {
    const last = this.count - randomInt(1, Math.min(20, this.count));
    await this.cutAfter(last);
    return [last + 1];
  }

  /** A record changed, and every hash from it on computed anew; signatures kept, invented, or made with another key. */
  async rehash(chainHash: (previous: string, row: never) => string): Promise<number[]> {
    const seq = this.anySeq();
    await this.run(EDITS[0] ?? '', seq);
    const { rows } = await this.run('SELECT * FROM events WHERE org_id = $1 AND seq >= $2 ORDER BY seq', seq);
    const before = await this.run('SELECT hash FROM event_seals WHERE org_id = $1 AND seq = $2', seq - 1);
    const way = randomInt(3);
    const otherKey = randomBytes(32);
    let hash = (before.rows[0] as { hash: string } | undefined)?.hash ?? '0'.repeat(64);
    const seals = (rows as { seq: string }[]).map((row) => {
      hash = chainHash(hash, row as never);
      const signed = createHmac('sha256', otherKey).update(`${this.orgId}|${row.seq}|${hash}`).digest('hex');
      const invented = createHash('sha256').update(hash).digest('hex');
      return { seq: Number(row.seq), hash, signature: way === 0 ? null : way === 1 ? invented : signed };
    });
    await this.client.query(
      `UPDATE event_seals s SET hash = n.hash, signature = coalesce(n.signature, s.signature)
       FROM jsonb_to_recordset($2::jsonb) AS n(seq bigint, hash text, signature text) WHERE s.org_id = $1 AND s.seq = n.seq`,
      [this.orgId, JSON.stringify(seals)],
    );
    return [seq];
  }

  /** Leaves nothing behind this seq, and no trace that there was something. */
  async cutAfter(seq: number): Promise<void> {
    for (const table of ['events', 'event_seals', 'event_texts'])
      await this.run(`DELETE FROM ${table} WHERE org_id = $1 AND seq > $2`, seq);
    await this.run('UPDATE event_heads SET seq = $2 WHERE org_id = $1', seq);
  }

  run(sql: string, ...values: unknown[]): Promise<pg.QueryResult> {
    return this.client.query(sql, [this.orgId, ...values]);
  }

  /** A copy of a record, with an id of its own, at another seq and time (SQL over `e`). */
  async copy(from: number, to: number, at: string): Promise<void> {
    const columns =
      'type, version, actor_kind, actor_id, on_behalf_of, request_id, ip, subject_kind, subject_id, audience, changes, data, text_hmac';
    await this.run(
      `INSERT INTO events (org_id, seq, at, id, ${columns}) SELECT e.org_id, $3, ${at}, $4, ${columns} FROM events e WHERE e.org_id = $1 AND e.seq = $2`,
      from,
      to,
      randomUUID(),
    );
  }

  private anySeq(): number {
    return randomInt(1, this.count + 1);
  }

  private twoSeqs(): [number, number] {
    const a = randomInt(1, this.count);
    return [a, randomInt(a + 1, this.count + 1)];
  }
}

const TABLES = ['events', 'event_seals', 'event_heads', 'event_texts'];
const where = 'WHERE org_id = $1 AND seq = $2';
const EDITS = [
  `UPDATE events SET actor_id = gen_random_uuid() ${where}`,
  `UPDATE events SET type = type || 'x' ${where}`,
  `UPDATE events SET at = at + interval '1 millisecond' ${where}`,
  `UPDATE events SET data = data || '{"more": 1}' ${where}`,
  `UPDATE events SET changes = changes || '{"role": ["member", "owner"]}' ${where}`,
  `UPDATE events SET request_id = coalesce(request_id, '') || '0' ${where}`,
  `UPDATE events SET ip = '203.0.113.9' ${where}`,
  `UPDATE events SET audience = 'nobody-' || audience ${where}`,
  `UPDATE events SET subject_id = gen_random_uuid() ${where}`,
  `UPDATE events SET id = gen_random_uuid() ${where}`,
  `UPDATE events SET version = version + 1 ${where}`,
  `UPDATE event_texts SET text = text || '{"body": "another"}' ${where}`,
  `UPDATE event_texts SET salt = decode(md5(random()::text), 'hex') ${where}`,
  `UPDATE event_seals SET hash = md5(hash) || md5(hash) ${where}`,
  `UPDATE event_seals SET signature = md5(signature) || md5(signature) ${where}`,
];
