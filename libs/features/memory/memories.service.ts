import { isDeepStrictEqual } from 'node:util';
import { Injectable } from '@nestjs/common';
import type { AccessGrant, AddedMemories, AddedMemory, AddMemories, AddMemory, Memory, MemoryId, PatchMemory } from '@atrium/contracts';
import { Db, type Prisma, type Tx } from '@atrium/platform/db';
import { Conflict } from '@atrium/platform/errors';
import { Events } from '@atrium/platform/events';
import { assertUnchanged, later } from '@atrium/platform/http';
import {
  accessColumns,
  audienceOf,
  audienceOfChange,
  grantKey,
  type GrantSet,
  isSharedWith,
  ReaderGrants,
  withoutGrant,
} from '@atrium/platform/search';
import type { OrgContext } from '@atrium/platform/tenancy';
import { assertMayChange, assertMayWrite } from './access.js';
import { factKey } from './fact.js';
import { Grantees } from './grantees.js';
import { assertCurrent, assertExpiry, keptBy, memoryNotFound, type MemoryRow, slotOfRow, toMemory } from './memory.js';
import { type Changes, MemoryChanges, noChanges } from './memory-changes.js';
import { told, toldForgotten } from './memory-events.js';
import { MemoryRepository } from './memory.repository.js';
import { MemoryUnits } from './memory-units.js';
import type { NamespaceRow } from './namespace.js';
import { NamespaceRepository } from './namespace.repository.js';
import { Remembering, type Told } from './remembering.js';
import { SimilarMemories } from './similar-memories.js';

/** A command waits for its namespace while a large batch writes to it. */
const PATIENT = { timeoutSeconds: 60 };

/** The commands on memories. */
@Injectable()
export class MemoriesService {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly readers: ReaderGrants,
    private readonly grantees: Grantees,
    private readonly namespaces: NamespaceRepository,
    private readonly memories: MemoryRepository,
    private readonly units: MemoryUnits,
    private readonly changes: MemoryChanges,
    private readonly remembering: Remembering,
    private readonly similar: SimilarMemories,
  ) {}

  /**
   * Remembers a fact: adds it, finds that it is known, or lets it take the place of another one.
   * @throws Forbidden `memory.read_only`, Invalid `memory.already_expired`, QuotaExceeded `memory.limit_reached`, Invalid `memory.grantee_not_found`
   */
  async add(ctx: OrgContext, input: AddMemory): Promise<AddedMemory> {
    const { data } = await this.remember(ctx, [{ input, pointer: '' }]);
    const [added] = data;
    if (!added) throw new Error('remembered nothing');
    return added;
  }

  /** All or, when one of them is refused, none; in the order given. @throws as `add` does */
  addAll(ctx: OrgContext, { memories }: AddMemories): Promise<AddedMemories> {
    return this.remember(
      ctx,
      memories.map((input, index) => ({ input, pointer: `/memories/${index}` })),
    );
  }

  /** In one transaction. @throws as `add` does */
  async remember(ctx: OrgContext, facts: readonly Omit<Told, 'similar'>[]): Promise<AddedMemories> {
    const asked = facts.map(({ input, pointer }) => ({ access: input.access, pointer: `${pointer}/access` }));
    await this.grantees.assertThere(ctx, asked);
    const grants = await this.readers.of(ctx);
    const lookedAt = new Date();
    const similar = await this.similar.to(
      ctx,
      grants,
      facts.map(({ input }) => input),
    );
    return this.db.inOrg(
      ctx,
      async (tx) => {
        await this.grantees.hold(tx, ctx, asked);
        const changes = noChanges();
        const compared = facts.map((fact, index) => ({ ...fact, similar: similar[index] ?? [] }));
        const data = await this.remembering.remember(tx, ctx, grants, { facts: compared, lookedAt }, changes);
        await this.changes.tell(tx, ctx, changes);
        return { data };
      },
      PATIENT,
    );
  }

  /**
   * Corrects it in place, and honours If-Match. The text before stays in the history. To other readers than before it comes as a fact told to
   * them now: it may take the place of another one, or open a review.
   * @throws NotFound `memory.not_found`, Forbidden `memory.not_owner`, `memory.read_only`, Conflict `memory.retired`, `memory.duplicate`,
   * `request.precondition_failed`, Invalid `memory.already_expired`
   */
  async change(ctx: OrgContext, id: MemoryId, patch: PatchMemory): Promise<Memory> {
    const grants = await this.readers.of(ctx);
    const asked = [{ access: patch.access, pointer: '/access' }];
    await this.grantees.assertThere(ctx, asked);
    const similar = patch.access ? await this.similar.of(ctx, grants, id, patch.content) : [];
    return this.db.inOrg(
      ctx,
      async (tx) => {
        const { row: before, namespace } = await this.lock(tx, ctx, grants, id);
        assertMayChange(ctx, before);
        assertUnchanged(ctx, before);
        const row = patched(before, patch);
        const fields = CHANGEABLE.filter((field) => !isDeepStrictEqual(row[field], before[field]));
        if (fields.length === 0) return toMemory(before, namespace.name);
        if (fields.includes('content')) assertCurrent(before);
        if (fields.includes('accessLevel')) assertMayWrite(ctx, row.accessLevel);
        if (fields.includes('expiresAt')) assertExpiry(row.expiresAt, row.validFrom, '/expiresAt');
        await this.grantees.hold(tx, ctx, asked);
        const changes = noChanges();
        if (await this.changes.twinOf(tx, ctx, row, namespace.name, changes)) throw duplicate();
        row.updatedAt = later(before.updatedAt);
        if (audienceOf(row) !== audienceOf(before)) await this.events.eraseText(tx, ctx, { kind: 'memory', id });
        await this.rewrite(tx, ctx, before, row, namespace, changes);
        if (row.readers.join() !== before.readers.join())
          await this.remembering.settle(tx, ctx, grants, namespace, { row, similar }, changes);
        await this.changes.tell(tx, ctx, changes);
        return toMemory((await this.memories.find(tx, ctx, id)) ?? row, namespace.name);
      },
      PATIENT,
    );
  }

  /**
   * Takes it away everywhere: text, history, search, the texts of its events. That it was there stays in the log.
   * @throws NotFound `memory.not_found`, Forbidden `memory.not_owner`, Conflict `request.precondition_failed`
   */
  async forget(ctx: OrgContext, id: MemoryId): Promise<void> {
    const grants = await this.readers.of(ctx);
    await this.db.inOrg(
      ctx,
      async (tx) => {
        const { row, namespace } = await this.lock(tx, ctx, grants, id);
        assertMayChange(ctx, row);
        assertUnchanged(ctx, row);
        await this.units.remove(tx, ctx, id);
        await this.memories.remove(tx, ctx, row);
        await this.namespaces.count(tx, ctx, namespace.id, -1);
        await this.events.eraseText(tx, ctx, { kind: 'memory', id });
        await this.events.append(tx, ctx, toldForgotten(row));
      },
      PATIENT,
    );
  }

  /**
   * Shares it no longer with somebody who is gone; its owner's alone when nobody else is left. `ctx` is the system's. When another memory says the
   * same to those who are left, that one takes its place. Done again it does nothing.
   */
  async withdraw(ctx: OrgContext, id: string, grant: AccessGrant): Promise<void> {
    await this.db.inOrg(
      ctx,
      async (tx) => {
        const peeked = await this.memories.find(tx, ctx, id);
        const namespace = peeked && (await this.namespaces.lock(tx, ctx, peeked.namespaceId));
        const before = namespace && (await this.memories.find(tx, ctx, id));
        if (!before || !isSharedWith(before, grant)) return;
        const access = keptBy(before.ownerId, withoutGrant(before, grantKey(grant)));
        const row: MemoryRow = { ...before, ...access, updatedAt: later(before.updatedAt) };
        row.factKey = factKey(row.readers, slotOfRow(row), row.content);
        const changes = noChanges();
        const twin = await this.changes.twinOf(tx, ctx, row, namespace.name, changes);
        await this.events.eraseText(tx, ctx, { kind: 'memory', id });
        if (twin) await this.units.put(tx, ctx, await this.changes.supersede(tx, ctx, row, twin, namespace.name, changes), namespace.name);
        else await this.rewrite(tx, ctx, before, row, namespace, changes);
        await this.changes.tell(tx, ctx, changes);
      },
      PATIENT,
    );
  }

  /** The memory under the lock of its namespace. @throws NotFound `memory.not_found` */
  private async lock(tx: Tx, ctx: OrgContext, grants: GrantSet, id: string): Promise<{ row: MemoryRow; namespace: NamespaceRow }> {
    const { namespaceId } = await this.memories.get(tx, ctx, grants, id);
    const namespace = await this.namespaces.lock(tx, ctx, namespaceId);
    if (!namespace) throw memoryNotFound();
    return { row: await this.memories.get(tx, ctx, grants, id), namespace };
  }

  private async rewrite(
    tx: Tx,
    ctx: OrgContext,
    before: MemoryRow,
    row: MemoryRow,
    namespace: NamespaceRow,
    changes: Changes,
  ): Promise<void> {
    const fields = CHANGEABLE.filter((field) => !isDeepStrictEqual(row[field], before[field]));
    await this.memories.update(tx, ctx, row);
    await this.units.put(tx, ctx, row, namespace.name);
    changes.steps.push({ kind: 'changed', row });
    changes.drafts.push(toldChanged(before, row, namespace, fields));
  }
}

const duplicate = () => new Conflict('memory.duplicate', 'Another memory of this namespace says the same already.');

const CHANGEABLE = ['content', 'accessLevel', 'accessGrants', 'tags', 'metadata', 'expiresAt', 'confidence'] as const;

function patched(before: MemoryRow, patch: PatchMemory): MemoryRow {
  const access = patch.access ? accessColumns(before.ownerId, patch.access) : {};
  const row: MemoryRow = {
    ...before,
    ...access,
    content: patch.content?.normalize('NFC') ?? before.content,
    tags: patch.tags ?? before.tags,
    metadata: (patch.metadata as Prisma.JsonObject | undefined) ?? before.metadata,
    confidence: patch.confidence ?? before.confidence,
    expiresAt: patch.expiresAt === undefined ? before.expiresAt : patch.expiresAt === null ? null : new Date(patch.expiresAt),
  };
  return { ...row, factKey: factKey(row.readers, slotOfRow(row), row.content) };
}

/** Those who could read it before hear that it changed, but of its text only what they may read now. */
function toldChanged(before: MemoryRow, row: MemoryRow, namespace: NamespaceRow, fields: (typeof CHANGEABLE)[number][]) {
  const shown = { accessLevel: true, confidence: true, expiresAt: true } as Record<string, boolean>;
  const changes = Object.fromEntries(
    fields.map((field): [string, [string | number | null, string | number | null]] => {
      const [from, to] = [before[field], row[field]];
      const value = (one: unknown) => (one instanceof Date ? one.toISOString() : (one as string | number | null));
      return [field, shown[field] ? [value(from), value(to)] : ['[text]', '[text]']];
    }),
  );
  return told('memory.changed', row, namespace.name, { audience: audienceOfChange(before, row), facts: { fields }, changes });
}
