import { Injectable } from '@nestjs/common';
import { type Embedder, Embeddings, type EmbeddingSpace } from '@atrium/platform/ai';
import { Db } from '@atrium/platform/db';

/** A space that this installation has used, and the embedder that speaks it. */
export interface KnownSpace extends EmbeddingSpace {
  id: number;
  active: boolean;
  /** It is being filled, to take over. */
  wanted: boolean;
  /** All units were noted for filling it. */
  queued: boolean;
}

/** Which spaces of vectors are in use: the active one, in which questions are asked, and the chosen embedder's until it takes over. */
@Injectable()
export class EmbeddingSpaces {
  private current: { active: KnownSpace; embedder: Embedder | null } | null = null;
  private next: KnownSpace | null = null;

  constructor(
    private readonly db: Db,
    private readonly embeddings: Embeddings,
  ) {}

  /** As `refresh` last saw it; null before, and while nobody knows an embedder. */
  active(): { active: KnownSpace; embedder: Embedder | null } | null {
    return this.current;
  }

  /** The space that is being filled to take over, as `refresh` last saw it. */
  filling(): KnownSpace | null {
    return this.next;
  }

  /**
   * Reads which space is active; the chosen embedder's becomes the wanted one, and active when none is.
   * @throws EmbeddingFailure when the chosen embedder cannot say its size; the active space stays in use.
   */
  async refresh(): Promise<{ active: KnownSpace; wanted: KnownSpace }> {
    let spaces = await this.all();
    const before = spaces.find((space) => space.active);
    if (before) await this.use(before);
    const { provider, model, dimensions } = await this.embeddings.chosen.space();
    const isChosen = (space: KnownSpace) => space.provider === provider && space.model === model && space.dimensions === dimensions;
    if (!spaces.some(isChosen)) {
      await this.db.asSystem(
        'a new space of vectors',
        (tx) => tx.$executeRaw`
          INSERT INTO embedding_spaces (provider, model, dimensions, active, queued_at)
          SELECT ${provider}, ${model}, ${dimensions}::int, first, CASE WHEN first THEN now() END FROM (SELECT NOT EXISTS (SELECT 1 FROM embedding_spaces WHERE active) AS first) f
          ON CONFLICT (provider, model, dimensions) DO NOTHING`,
      );
      spaces = await this.all();
    }
    const active = spaces.find((space) => space.active);
    const wanted = spaces.find(isChosen);
    if (!active || !wanted) throw new Error('a space of vectors is missing');
    await this.use(active);
    this.next = wanted.active ? null : wanted;
    if (spaces.some((space) => !space.active && space.wanted !== (space.id === wanted.id))) await this.want(wanted);
    return { active, wanted };
  }

  /** The ids of the spaces in which every new unit needs a vector: the active one and the one that is being filled. */
  async inUse(): Promise<number[]> {
    return (await this.all()).filter((space) => space.active || space.wanted).map(({ id }) => id);
  }

  /** One that was wanted before misses the units from now on, so it has to be filled anew if it comes back. */
  private async want(wanted: KnownSpace): Promise<void> {
    await this.db.asSystem(
      'a space is wanted',
      (tx) => tx.$executeRaw`
        UPDATE embedding_spaces SET wanted_at = CASE WHEN id = ${wanted.id}::int THEN now() END, queued_at = CASE WHEN id = ${wanted.id}::int THEN queued_at END
        WHERE NOT active AND (wanted_at IS NOT NULL) <> (id = ${wanted.id}::int)`,
    );
  }

  /** Every unit of every organization is noted: the space fills, and takes over when nothing is left of it. */
  async markQueued(space: KnownSpace): Promise<void> {
    await this.db.asSystem(
      'a space is being filled',
      (tx) => tx.$executeRaw`UPDATE embedding_spaces SET queued_at = now() WHERE id = ${space.id}::int AND queued_at IS NULL`,
    );
  }

  /** Makes a full space the active one, at once for all; the former has to be filled anew before it can come back. Whether it was full. */
  async activateWhenFull(space: KnownSpace): Promise<boolean> {
    return this.db.asSystem('a space takes over', async (tx) => {
      const changed = await tx.$executeRaw`
        UPDATE embedding_spaces SET active = (id = ${space.id}::int), wanted_at = NULL, queued_at = CASE WHEN id = ${space.id}::int THEN queued_at END
        WHERE (active OR id = ${space.id}::int) AND NOT EXISTS (SELECT 1 FROM search_pending WHERE space = ${space.id}::int)
          AND EXISTS (SELECT 1 FROM embedding_spaces WHERE id = ${space.id}::int AND queued_at IS NOT NULL)`;
      return changed > 0;
    });
  }

  private async use(active: KnownSpace): Promise<void> {
    if (this.current?.active.id === active.id && this.current.embedder) return;
    this.current = { active, embedder: await this.embeddings.of(active).catch(() => null) };
  }

  private all(): Promise<KnownSpace[]> {
    return this.db.asSystem(
      'spaces of vectors',
      (tx) =>
        tx.$queryRaw<
          KnownSpace[]
        >`SELECT id, provider, model, dimensions, active, wanted_at IS NOT NULL AS wanted, queued_at IS NOT NULL AS queued FROM embedding_spaces ORDER BY id`,
    );
  }
}
