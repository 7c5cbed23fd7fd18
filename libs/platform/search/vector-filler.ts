import { type BeforeApplicationShutdown, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { OrgId } from '@atrium/contracts';
import { type Embedder, EmbeddingFailure, Embeddings } from '@atrium/platform/ai';
import { Db, type Tx } from '@atrium/platform/db';
import { Log, Metrics } from '@atrium/platform/observability';
import { systemContext } from '@atrium/platform/tenancy';
import { EmbeddingSpaces, type KnownSpace } from './embedding-spaces.js';

const EVERY_MS = 1_000;
/** After a failure. */
const PAUSE_MS = 5_000;
/** How many units of one organization are embedded before the next one's turn. */
const BATCH = 64;
/** How long a process has for a batch; after that another takes it. */
const CLAIM_SECONDS = 120;
const NOTED_A_TIME = 10_000;
/** How long making the index of a partition may take; its vectors cannot change meanwhile. */
const INDEX_SECONDS = 55;
/** Above it an organization is searched by an index, where there is one: the embedded engine makes none. */
export const EXACT_UNITS = 5_000;

interface Work {
  space: KnownSpace;
  embedder: Embedder;
}

/**
 * Makes the vectors of new units, in every space in use, and fills the space of a newly chosen embedder until it takes over. What is left to
 * do stands in search_pending, so a process that dies loses nothing: its claim ends. Organizations take turns, a batch each; the spaces do not
 * wait for each other.
 */
@Injectable()
export class VectorFiller implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private work: Promise<void> = Promise.resolve();
  private stopped = false;
  /** Organizations and their spaces whose index is there, is not wanted, or could not be made. */
  private readonly indexed = new Set<string>();
  /** Why vectors could not be made lately; null when they can. */
  private trouble: string | null = null;

  constructor(
    private readonly db: Db,
    private readonly embeddings: Embeddings,
    private readonly spaces: EmbeddingSpaces,
    private readonly log: Log,
    private readonly metrics: Metrics,
  ) {}

  onApplicationBootstrap(): void {
    this.schedule(0);
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    // What waits for an endpoint fails now.
    await this.embeddings.close();
    await this.work;
  }

  /**
   * Fills until nothing is left that can be filled now, and lets a full space take over. What fails in one space or for one organization does
   * not hold up the others. @throws EmbeddingFailure and others, the first of them, at the end
   */
  async fillAll(): Promise<void> {
    const failures: unknown[] = [];
    const wanted = await this.spaces.refresh().then(
      (found) => found.wanted,
      (error: unknown) => void failures.push(error),
    );
    if (wanted && !wanted.active && !wanted.queued) await this.note(wanted);
    const current = this.spaces.active();
    if (current?.embedder) await this.fillSpace({ space: current.active, embedder: current.embedder }, failures);
    if (wanted && wanted.id !== current?.active.id) await this.fillSpace({ space: wanted, embedder: this.embeddings.chosen }, failures);
    if (wanted && !wanted.active && (await this.spaces.activateWhenFull(wanted))) {
      await this.spaces.refresh();
      this.log.info('search by meaning uses another embedder now', { kind: `${wanted.provider} ${wanted.model}` });
    }
    if (failures.length > 0) throw failures[0];
  }

  /** Organization by organization, until nothing is left of a space, or its embedder fails. */
  private async fillSpace(work: Work, failures: unknown[]): Promise<void> {
    let filled: number;
    do {
      filled = 0;
      const open = await this.db.asSystem(
        'units without vectors',
        (tx) => tx.$queryRaw<{ org_id: string }[]>`
          SELECT DISTINCT org_id FROM search_pending WHERE space IN (0, ${work.space.id}::int) LIMIT 1000`,
      );
      for (const { org_id } of open) {
        if (this.stopped) return;
        try {
          filled += await this.fillBatch(org_id as OrgId, work);
        } catch (error) {
          failures.push(error);
          if (error instanceof EmbeddingFailure) return;
        }
      }
    } while (filled > 0);
  }

  /** Notes every unit for a new space; a second time does no harm. */
  private async note(space: KnownSpace): Promise<void> {
    const organizations = await this.db.asSystem(
      'organizations with units',
      (tx) => tx.$queryRaw<{ id: string }[]>`SELECT DISTINCT org_id AS id FROM search_units`,
    );
    for (const { id } of organizations) {
      const ctx = systemContext(id as OrgId, `search-note-${uuidv7()}`);
      let after = '00000000-0000-0000-0000-000000000000';
      for (;;) {
        const rows = await this.db.inOrg(
          ctx,
          (tx) => tx.$queryRaw<{ id: string }[]>`
            WITH page AS (SELECT id FROM search_units WHERE org_id = ${id}::uuid AND id > ${after}::uuid ORDER BY id LIMIT ${NOTED_A_TIME}),
            noted AS (INSERT INTO search_pending (org_id, space, unit_id) SELECT ${id}::uuid, ${space.id}::int, id FROM page ON CONFLICT DO NOTHING)
            SELECT id FROM page ORDER BY id DESC LIMIT 1`,
        );
        const last = rows[0];
        if (!last || this.stopped) break;
        after = last.id;
      }
      if (this.stopped) return;
    }
    await this.spaces.markQueued(space);
  }

  /** How many units it dealt with. */
  private async fillBatch(orgId: OrgId, { space, embedder }: Work): Promise<number> {
    const ctx = systemContext(orgId, `search-fill-${uuidv7()}`);
    const inUse = await this.spaces.inUse();
    const units = await this.db.inOrg(ctx, async (tx) => {
      const alone = inUse.every((id) => id === space.id);
      if (!alone) await spread(tx, orgId, inUse);
      return claim(tx, orgId, alone ? [0, space.id] : [space.id]);
    });
    if (units.length === 0) return 0;
    const present = units.filter((unit) => unit.body !== null);
    try {
      const vectors = await this.embedAll(embedder, present.map(textOf));
      await this.db.inOrg(ctx, (tx) => store(tx, orgId, space.id, present, vectors));
    } catch (error) {
      await this.db.inOrg(ctx, (tx) => release(tx, orgId, units));
      throw error;
    }
    await this.db.inOrg(ctx, (tx) => settle(tx, orgId, units));
    await this.index(orgId, space);
    this.metrics.embedded.inc({}, units.length);
    return units.length;
  }

  /** A text at which the embedder fails, while it answers another one, is found by words only: it gets no vector. */
  private async embedAll(embedder: Embedder, texts: string[]): Promise<Float32Array[]> {
    if (texts.length === 0) return [];
    try {
      return await embedder.embed(texts, 'passage');
    } catch (error) {
      if (!(error instanceof EmbeddingFailure) || error.fault === 'endpoint') throw error;
      // Throws when it is not these texts; and keeps the circuit closed when it is.
      await embedder.embed(['Is it well?'], 'passage');
      if (texts.length === 1) {
        this.log.warn('a text got no vector; it is found by words only', { reason: error.reason });
        return [new Float32Array()];
      }
    }
    const half = Math.ceil(texts.length / 2);
    return [...(await this.embedAll(embedder, texts.slice(0, half))), ...(await this.embedAll(embedder, texts.slice(half)))];
  }

  /** Once for each large organization: where there is none, search reads all of the organization's vectors. */
  private async index(orgId: OrgId, space: KnownSpace): Promise<void> {
    const key = `${orgId} ${space.id}`;
    if (this.indexed.has(key)) return;
    try {
      const [row] = await this.db.asSystem(
        'an index of vectors',
        (tx) => tx.$queryRaw<{ settled: boolean }[]>`
          SELECT index_search_vectors(${orgId}::uuid, ${space.id}::int, ${EXACT_UNITS}::int) AS settled`,
        { timeoutSeconds: INDEX_SECONDS },
      );
      if (row?.settled) this.indexed.add(key);
    } catch (error) {
      this.indexed.add(key);
      this.log.warn('an index of vectors could not be made', { orgId, reason: error instanceof Error ? error.message.slice(0, 200) : '' });
    }
  }

  private schedule(ms = EVERY_MS): void {
    this.timer = setTimeout(() => {
      this.work = this.fillAll()
        .then(
          () => this.tell(null),
          (error: unknown) => this.tell(error instanceof Error ? error.message.slice(0, 200) : 'unknown'),
        )
        .finally(() => {
          if (!this.stopped) this.schedule(this.trouble === null ? EVERY_MS : PAUSE_MS);
        });
    }, ms);
    this.timer.unref();
  }

  /** Once for each trouble, and when it is over. */
  private tell(trouble: string | null): void {
    if (trouble !== this.trouble && !this.stopped) {
      if (trouble === null) this.log.info('vectors are made again');
      else this.log.warn('vectors could not be made; it goes on', { reason: trouble });
    }
    this.trouble = trouble;
  }
}

interface PendingUnit {
  id: string;
  space: number;
  kind: string | null;
  title: string | null;
  /** Null of a unit that is gone. */
  body: string | null;
  updated_at: string | null;
}

/** Notes for each space in use what was noted for all of them, so that none of them waits for another. */
async function spread(tx: Tx, orgId: string, spaces: number[]): Promise<void> {
  await tx.$executeRaw`
    WITH page AS (
      SELECT unit_id FROM search_pending WHERE org_id = ${orgId}::uuid AND space = 0 ORDER BY unit_id LIMIT ${NOTED_A_TIME} FOR UPDATE SKIP LOCKED
    ), noted AS (
      DELETE FROM search_pending p USING page WHERE p.org_id = ${orgId}::uuid AND p.space = 0 AND p.unit_id = page.unit_id RETURNING p.unit_id
    )
    INSERT INTO search_pending (org_id, space, unit_id) SELECT ${orgId}::uuid, s, unit_id FROM noted CROSS JOIN unnest(${spaces}::int[]) s
    ON CONFLICT DO NOTHING`;
}

function claim(tx: Tx, orgId: string, spaces: number[]): Promise<PendingUnit[]> {
  return tx.$queryRaw<PendingUnit[]>`
    WITH batch AS (
      SELECT space, unit_id FROM search_pending WHERE org_id = ${orgId}::uuid AND space = ANY (${spaces}::int[]) AND (claimed_until IS NULL OR claimed_until < now())
      ORDER BY space, unit_id LIMIT ${BATCH} FOR UPDATE SKIP LOCKED
    ), claimed AS (
      UPDATE search_pending p SET claimed_until = now() + make_interval(secs => ${CLAIM_SECONDS}::int) FROM batch
      WHERE p.org_id = ${orgId}::uuid AND p.space = batch.space AND p.unit_id = batch.unit_id RETURNING p.space, p.unit_id
    )
    SELECT c.unit_id AS id, c.space, u.kind, u.title, u.body, u.updated_at::text AS updated_at
    FROM claimed c LEFT JOIN search_units u ON u.org_id = ${orgId}::uuid AND u.id = c.unit_id`;
}

/** Writes the vectors of units that still say what was embedded; a zero vector says nothing and is left out. */
async function store(tx: Tx, orgId: string, space: number, units: readonly PendingUnit[], vectors: readonly Float32Array[]): Promise<void> {
  const rows = units.flatMap((unit, at) => {
    const vector = vectors[at];
    return vector?.some((value) => value !== 0) ? [{ id: unit.id, at: unit.updated_at, vector: vectorText(vector) }] : [];
  });
  await tx.$executeRaw`
    WITH fresh AS (
      SELECT u.id, r.vector FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS r(id uuid, at timestamptz, vector text)
      JOIN search_units u ON u.org_id = ${orgId}::uuid AND u.id = r.id AND u.updated_at = r.at ORDER BY u.id FOR KEY SHARE OF u
    )
    INSERT INTO search_vectors (org_id, unit_id, space, embedding) SELECT ${orgId}::uuid, id, ${space}::int, vector::halfvec FROM fresh
    ON CONFLICT (org_id, unit_id, space) DO UPDATE SET embedding = EXCLUDED.embedding`;
}

/** Strikes off what is done: units that are gone, or unchanged since they were read. The others have their turn again. */
async function settle(tx: Tx, orgId: string, units: readonly PendingUnit[]): Promise<void> {
  const rows = JSON.stringify(units.map(({ id, space, updated_at }) => ({ id, space, at: updated_at })));
  await tx.$executeRaw`
    WITH done AS (
      SELECT r.id, r.space FROM jsonb_to_recordset(${rows}::jsonb) AS r(id uuid, space int, at timestamptz)
      JOIN search_units u ON u.org_id = ${orgId}::uuid AND u.id = r.id AND u.updated_at = r.at ORDER BY u.id FOR KEY SHARE OF u
    )
    DELETE FROM search_pending p USING (
      SELECT id, space FROM done UNION ALL
      SELECT r.id, r.space FROM jsonb_to_recordset(${rows}::jsonb) AS r(id uuid, space int)
      WHERE NOT EXISTS (SELECT 1 FROM search_units u WHERE u.org_id = ${orgId}::uuid AND u.id = r.id)
    ) d WHERE p.org_id = ${orgId}::uuid AND p.space = d.space AND p.unit_id = d.id`;
  await release(tx, orgId, units);
}

async function release(tx: Tx, orgId: string, units: readonly PendingUnit[]): Promise<void> {
  await tx.$executeRaw`UPDATE search_pending SET claimed_until = NULL WHERE org_id = ${orgId}::uuid AND unit_id = ANY (${units.map(({ id }) => id)}::uuid[])`;
}

/** What a unit says; the title of a message is its channel's name, which says nothing of it. */
const textOf = ({ kind, title, body }: PendingUnit): string => (kind === 'message' || !title ? (body ?? '') : `${title}\n${body ?? ''}`);

/** As PostgreSQL reads it. */
export const vectorText = (vector: Float32Array): string => `[${Array.from(vector, (value) => value.toFixed(6)).join(',')}]`;
