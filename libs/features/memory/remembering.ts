import { Injectable } from '@nestjs/common';
import { type AddedMemory, type AddMemory, DEFAULT_NAMESPACE } from '@atrium/contracts';
import type { Tx } from '@atrium/platform/db';
import { QuotaExceeded } from '@atrium/platform/errors';
import type { EventDraft } from '@atrium/platform/events';
import { type GrantSet, mayRead } from '@atrium/platform/search';
import type { OrgContext } from '@atrium/platform/tenancy';
import { later } from '@atrium/platform/http';
import { assertMayWrite, mayChange, personBehind } from './access.js';
import { judgeFact, judgeText, type KnownFact, type NewFact, type Verdict } from './contradiction.js';
import { isManyValued } from './fact.js';
import { type Words, wordsDiffer, wordsOf } from './similar-words.js';
import { assertExpiry, endOf, type MemoryRow, newMemory, slotOfRow, toMemory } from './memory.js';
import { type Changes, MemoryChanges } from './memory-changes.js';
import { told, toldNamespace } from './memory-events.js';
import { MemoryRepository } from './memory.repository.js';
import { MemoryUnits } from './memory-units.js';
import { nameKey, newNamespace, type NamespaceRow } from './namespace.js';
import { NamespaceRepository } from './namespace.repository.js';

/** The most memories of a namespace and of an organization, retired ones too, and the most namespaces of one owner. */
export const MAX_PER_NAMESPACE = 10_000;
export const MAX_PER_ORGANIZATION = 100_000;
export const MAX_NAMESPACES = 200;
/** The longest text that is compared with those told at the same moment. UTF-16 code units. */
const MAX_LATE_CHARS = 2_000;
/** Of these the last, for each fact. */
const MAX_LATE_COMPARED = 10;

/** What is to be remembered; `similar` are ids of memories that may say nearly the same, `pointer` is its place in the request. */
export interface Told {
  input: AddMemory;
  similar: readonly string[];
  pointer: string;
}

/** How facts come in: each takes its place among those known, by the rules of contradiction.ts. */
@Injectable()
export class Remembering {
  constructor(
    private readonly namespaces: NamespaceRepository,
    private readonly memories: MemoryRepository,
    private readonly changes: MemoryChanges,
    private readonly units: MemoryUnits,
  ) {}

  /**
   * In the order given: a later fact may supersede an earlier one. Locks the namespaces, so that of equal facts told at once one stays.
   * @throws Forbidden `memory.read_only`, Invalid `memory.already_expired`, QuotaExceeded `memory.limit_reached`
   */
  async remember(
    tx: Tx,
    ctx: OrgContext,
    grants: GrantSet,
    { facts, lookedAt }: { facts: readonly Told[]; lookedAt: Date },
    changes: Changes,
  ): Promise<AddedMemory[]> {
    const spaces = await this.open(
      tx,
      ctx,
      grants,
      facts.map(({ input }) => input.namespace ?? DEFAULT_NAMESPACE),
      changes.drafts,
    );
    // What was told while similar texts were looked for, and what comes in here, is compared as well.
    const ids = [...spaces.values()].map(({ id }) => id);
    const texts = await this.memories.textsSince(tx, ctx, grants, ids, lookedAt);
    const late = texts.map(({ id, namespaceId, content }) => ({ id, namespaceId, words: lateWords(content) }));
    const outcomes: AddedMemory[] = [];
    for (const fact of facts) {
      const namespace = spaces.get(nameKey(fact.input.namespace ?? DEFAULT_NAMESPACE));
      if (!namespace) throw new Error('a namespace was not opened');
      const words = lateWords(fact.input.content);
      const doubtful = late.filter((one) => one.namespaceId === namespace.id && words && one.words && wordsDiffer(one.words, words));
      const similar = [...new Set([...fact.similar, ...doubtful.slice(-MAX_LATE_COMPARED).map(({ id }) => id)])];
      const added = await this.one(tx, ctx, grants, namespace, { ...fact, similar }, changes);
      late.push({ id: added.memory.id, namespaceId: namespace.id, words });
      outcomes.push(added);
    }
    return outcomes;
  }

  /** The namespaces by the keys of their names, locked; what one cannot see means one's own. First made, then locked, each in one order. */
  private async open(tx: Tx, ctx: OrgContext, grants: GrantSet, names: string[], drafts: EventDraft[]): Promise<Map<string, NamespaceRow>> {
    const opened = await this.namespaces.resolve(tx, ctx, grants, names);
    const missing = new Map(names.filter((name) => !opened.has(nameKey(name))).map((name) => [nameKey(name), name]));
    for (const [key, name] of [...missing].sort(([a], [b]) => (a < b ? -1 : 1)))
      opened.set(key, await this.ownNamespace(tx, ctx, name, drafts));
    const locked = new Map<string, NamespaceRow>();
    for (const [key, { id }] of [...opened].sort(([, a], [, b]) => (a.id < b.id ? -1 : 1))) {
      const row = await this.namespaces.lock(tx, ctx, id);
      if (row) locked.set(key, row);
    }
    return locked;
  }

  /** The person's own of that name, made when there is none; readers with fewer grants than its owner write into it without seeing it. */
  private async ownNamespace(tx: Tx, ctx: OrgContext, name: string, drafts: EventDraft[]): Promise<NamespaceRow> {
    const find = () => this.namespaces.findOwned(tx, ctx, personBehind(ctx), nameKey(name));
    const found = await find();
    if (found) return found;
    await this.assertNamespaceRoom(tx, ctx);
    const made = newNamespace(ctx, name);
    if (await this.namespaces.insert(tx, made)) {
      drafts.push(toldNamespace('memory.namespace_created', made));
      return made;
    }
    const sameMoment = await find();
    if (!sameMoment) throw new Error('a namespace was neither made nor found');
    return sameMoment;
  }

  private async one(
    tx: Tx,
    ctx: OrgContext,
    grants: GrantSet,
    namespace: NamespaceRow,
    fact: Told,
    changes: Changes,
  ): Promise<AddedMemory> {
    const { input, pointer } = fact;
    const row = newMemory(ctx, namespace, input, input.validFrom ? new Date(input.validFrom) : new Date());
    assertMayWrite(ctx, namespace.accessLevel);
    assertMayWrite(ctx, row.accessLevel);
    assertExpiry(row.expiresAt, row.validFrom, `${pointer}/expiresAt`);
    const known = await this.known(tx, ctx, grants, namespace, row, fact.similar, changes);
    if (!input.validFrom) row.validFrom = new Date(Math.max(row.validFrom.getTime(), ...known.map((one) => one.createdAt.getTime())));

    const verdict = this.judge(ctx, row, known);
    if (verdict.kind === 'same') {
      const standing = byId(known, verdict.id);
      const confirmed = await this.confirm(tx, ctx, standing, row, namespace, changes);
      // What the readers of the answer may not see is confirmed as well, but the answer says no more than they were told.
      return mayRead(standing, grants) ? confirmed : { outcome: 'added', memory: toMemory({ ...row, id: standing.id }, namespace.name) };
    }
    await this.assertRoom(tx, ctx, namespace);
    await this.namespaces.count(tx, ctx, namespace.id, 1);
    namespace.memories += 1;
    const added = { ...row, validTo: verdict.validTo, supersededBy: verdict.supersededBy };
    await this.changes.add(tx, ctx, added, namespace.name, changes);
    await this.follow(tx, ctx, namespace, added, known, verdict, changes);
    const outcome = verdict.doubts.length > 0 ? 'in_review' : verdict.retires.length > 0 ? 'superseded' : 'added';
    return { outcome, memory: toMemory(added, namespace.name) };
  }

  /** What it means for those known to its readers that they may read it now: by the rules of a fact that comes in. */
  async settle(
    tx: Tx,
    ctx: OrgContext,
    grants: GrantSet,
    namespace: NamespaceRow,
    { row, similar }: { row: MemoryRow; similar: readonly string[] },
    changes: Changes,
  ): Promise<void> {
    if (row.validTo !== null && row.validTo <= new Date()) return;
    const known = (await this.known(tx, ctx, grants, namespace, row, similar, changes)).filter((one) => one.id !== row.id);
    const verdict = this.judge(ctx, row, known);
    if (verdict.kind === 'same') return;
    const { supersededBy, validTo } = verdict;
    if (supersededBy !== null && validTo !== null && (row.validTo === null || validTo < row.validTo))
      await this.changes.supersede(tx, ctx, row, byId(known, supersededBy), namespace.name, changes);
    await this.follow(tx, ctx, namespace, row, known, verdict, changes);
  }

  /** What the new fact has to be compared with: the facts of its slot, or those with similar words; one that has expired ends here. */
  private async known(
    tx: Tx,
    ctx: OrgContext,
    grants: GrantSet,
    namespace: NamespaceRow,
    row: MemoryRow,
    similar: readonly string[],
    changes: Changes,
  ): Promise<MemoryRow[]> {
    const slot = slotOfRow(row);
    const alike = slot
      ? await this.memories.ofSlot(tx, ctx, grants, namespace.id, slot)
      : (await this.memories.findMany(tx, ctx, similar)).filter((one) => one.namespaceId === namespace.id && mayRead(one, grants));
    const standing = await this.memories.findByFact(tx, ctx, namespace.id, row.factKey);
    if (!standing) return alike;
    const others = alike.filter((one) => one.id !== standing.id);
    if ((endOf(standing) ?? row.createdAt) >= row.createdAt) return [...others, standing];
    await this.changes.expire(tx, ctx, standing, namespace.name, changes);
    return others;
  }

  private async follow(
    tx: Tx,
    ctx: OrgContext,
    namespace: NamespaceRow,
    row: MemoryRow,
    known: readonly MemoryRow[],
    { retires, doubts }: Extract<Verdict, { kind: 'new' }>,
    changes: Changes,
  ): Promise<void> {
    for (const id of retires) await this.changes.supersede(tx, ctx, byId(known, id), row, namespace.name, changes);
    for (const { id, reason, isProposed } of doubts) {
      const [proposed, existing] = isProposed ? [byId(known, id), row] : [row, byId(known, id)];
      await this.changes.openReview(tx, ctx, proposed, existing, reason, changes);
    }
  }

  private judge(ctx: OrgContext, row: MemoryRow, known: readonly MemoryRow[]): Verdict {
    const slot = slotOfRow(row);
    const facts = known.map((one): KnownFact => ({ ...toFact(one), id: one.id, validTo: endOf(one), changeable: mayChange(ctx, one) }));
    return slot && !isManyValued(slot) ? judgeFact(toFact(row), facts) : judgeText(toFact(row), facts);
  }

  /** Told again, a fact is as certain as its surest telling, has the tags of all, and lasts as long as the longest. */
  private async confirm(
    tx: Tx,
    ctx: OrgContext,
    before: MemoryRow,
    again: MemoryRow,
    { name }: NamespaceRow,
    changes: Changes,
  ): Promise<AddedMemory> {
    const row: MemoryRow = {
      ...before,
      confidence: Math.max(before.confidence, again.confidence),
      tags: [...new Set([...before.tags, ...again.tags])].slice(0, 32),
      expiresAt: before.expiresAt && again.expiresAt ? (before.expiresAt > again.expiresAt ? before.expiresAt : again.expiresAt) : null,
    };
    const fields = (['confidence', 'tags', 'expiresAt'] as const).filter((field) => String(row[field]) !== String(before[field]));
    if (fields.length === 0 || !mayChange(ctx, before)) return { outcome: 'confirmed', memory: toMemory(before, name) };
    row.updatedAt = later(before.updatedAt);
    await this.memories.update(tx, ctx, row);
    await this.units.revalidate(tx, ctx, row);
    changes.steps.push({ kind: 'confirmed', row });
    changes.drafts.push(
      told('memory.changed', row, name, {
        facts: { fields, reason: 'confirmed' },
        changes: { confidence: [before.confidence, row.confidence] },
      }),
    );
    return { outcome: 'confirmed', memory: toMemory(row, name) };
  }

  private async assertRoom(tx: Tx, ctx: OrgContext, { name, memories }: NamespaceRow): Promise<void> {
    if (memories >= MAX_PER_NAMESPACE)
      throw new QuotaExceeded(
        'memory.limit_reached',
        `The namespace ${name} holds ${MAX_PER_NAMESPACE} memories. Forget some, or use another.`,
        {
          retryable: false,
        },
      );
    if ((await this.namespaces.countMemories(tx, ctx)) >= MAX_PER_ORGANIZATION)
      throw new QuotaExceeded('memory.limit_reached', `The organization holds ${MAX_PER_ORGANIZATION} memories. Forget some first.`, {
        retryable: false,
      });
  }

  /** @throws QuotaExceeded `memory.limit_reached` */
  async assertNamespaceRoom(tx: Tx, ctx: OrgContext): Promise<void> {
    if ((await this.namespaces.countOwned(tx, ctx, personBehind(ctx))) < MAX_NAMESPACES) return;
    throw new QuotaExceeded('memory.limit_reached', `A person can have ${MAX_NAMESPACES} namespaces. Remove one first.`, {
      retryable: false,
    });
  }
}

/** The words of a text that is short enough to be compared with every other one. */
const lateWords = (text: string): Words | null => (text.length <= MAX_LATE_CHARS ? wordsOf(text) : null);

function byId(rows: readonly MemoryRow[], id: string): MemoryRow {
  const row = rows.find((one) => one.id === id);
  if (!row) throw new Error('judged a memory that was not given');
  return row;
}

const toFact = ({ content, readers, accessLevel, confidence, validFrom }: MemoryRow): NewFact => ({
  content,
  readers,
  level: accessLevel,
  confidence,
  validFrom,
});
