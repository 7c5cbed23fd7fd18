import { isDeepStrictEqual } from 'node:util';
import { Injectable } from '@nestjs/common';
import type {
  AccessGrant,
  CreatePattern,
  PatchPattern,
  Pattern,
  PatternId,
  PatternSource,
  PatternUsage,
  RecordUsage,
} from '@atrium/contracts';
import { Db, type Tx } from '@atrium/platform/db';
import { QuotaExceeded } from '@atrium/platform/errors';
import { type EventDraft, Events } from '@atrium/platform/events';
import { assertUnchanged, later } from '@atrium/platform/http';
import {
  accessColumns,
  audienceOf,
  audienceOfChange,
  grantKey,
  type GrantSet,
  isSharedWith,
  mayRead,
  ReaderGrants,
  SearchIndex,
  withoutGrant,
} from '@atrium/platform/search';
import type { OrgContext } from '@atrium/platform/tenancy';
import { assertMayChange, assertMayWrite } from '../access.js';
import { Grantees } from '../grantees.js';
import { afterUsage, newPattern, newUsage, patternNotFound, type PatternRow, statusOf, toPattern, toUsage } from './pattern.js';
import { toldPattern, toldRemoved } from './pattern-events.js';
import { PatternRepository } from './pattern.repository.js';

const MAX_PER_ORGANIZATION = 10_000;

/** The commands on learning patterns. */
@Injectable()
export class PatternsService {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly readers: ReaderGrants,
    private readonly grantees: Grantees,
    private readonly patterns: PatternRepository,
    private readonly index: SearchIndex,
  ) {}

  /** @throws Forbidden `memory.read_only`, Invalid `memory.grantee_not_found`, QuotaExceeded `memory.limit_reached` */
  async create(ctx: OrgContext, input: CreatePattern): Promise<Pattern> {
    const asked = [{ access: input.access, pointer: '/access' }];
    await this.grantees.assertThere(ctx, asked);
    return this.db.inOrg(ctx, async (tx) => {
      await this.grantees.hold(tx, ctx, asked);
      const row = newPattern(ctx, input);
      assertMayWrite(ctx, row.accessLevel);
      await this.assertRoom(tx, ctx);
      await this.patterns.insert(tx, row);
      await this.findable(tx, ctx, row);
      await this.events.append(tx, ctx, toldPattern('memory.pattern_created', row));
      return toPattern(row);
    });
  }

  /**
   * Honours If-Match.
   * @throws NotFound `memory.pattern_not_found`, Forbidden `memory.not_owner`, `memory.read_only`, Conflict `request.precondition_failed`,
   * Invalid `memory.grantee_not_found`
   */
  async change(ctx: OrgContext, id: PatternId, patch: PatchPattern): Promise<Pattern> {
    const grants = await this.readers.of(ctx);
    const asked = [{ access: patch.access, pointer: '/access' }];
    await this.grantees.assertThere(ctx, asked);
    return this.db.inOrg(ctx, async (tx) => {
      const before = await this.lock(tx, ctx, grants, id);
      assertMayChange(ctx, before);
      assertUnchanged(ctx, before);
      const { access, status, ...texts } = patch;
      const row: PatternRow = {
        ...before,
        ...texts,
        ...(access ? accessColumns(before.ownerId, access) : {}),
        ...(status ? { status: status === 'archived' ? 'archived' : statusOf(before.successes, before.usages) } : {}),
      };
      const fields = changedFields(before, row);
      if (fields.length === 0) return toPattern(before);
      assertMayWrite(ctx, row.accessLevel);
      await this.grantees.hold(tx, ctx, asked);
      row.updatedAt = later(before.updatedAt);
      await this.write(tx, ctx, before, row);
      await this.events.append(tx, ctx, toldChanged(before, row, fields));
      return toPattern(row);
    });
  }

  /** Its usages go too. @throws NotFound `memory.pattern_not_found`, Forbidden `memory.not_owner`, Conflict `request.precondition_failed` */
  async remove(ctx: OrgContext, id: PatternId): Promise<void> {
    const grants = await this.readers.of(ctx);
    await this.db.inOrg(ctx, async (tx) => {
      const row = await this.lock(tx, ctx, grants, id);
      assertMayChange(ctx, row);
      assertUnchanged(ctx, row);
      await this.patterns.remove(tx, ctx, id);
      await this.index.removeSubject(tx, ctx, 'pattern', id);
      await this.events.eraseText(tx, ctx, { kind: 'pattern', id });
      await this.events.append(tx, ctx, toldRemoved(row));
    });
  }

  /**
   * Whoever may read it tells how it went; the pattern is demoted or comes back by what all its usages say.
   * @throws NotFound `memory.pattern_not_found`, Invalid `memory.pattern_used_later`
   */
  async recordUsage(ctx: OrgContext, id: PatternId, input: RecordUsage): Promise<PatternUsage> {
    const grants = await this.readers.of(ctx);
    const usage = newUsage(ctx, id, input);
    return this.db.inOrg(ctx, async (tx) => {
      const before = await this.lock(tx, ctx, grants, id);
      const row = afterUsage(before, usage);
      await this.patterns.update(tx, ctx, row);
      await this.patterns.addUsage(tx, ctx, usage, row.usages);
      const facts = { usageId: usage.id, outcome: input.outcome };
      const changes: EventDraft['changes'] = before.status === row.status ? undefined : { status: [before.status, row.status] };
      await this.events.append(tx, ctx, toldPattern('memory.pattern_used', row, { facts, ...(changes ? { changes } : {}) }));
      return toUsage(usage);
    });
  }

  /** Shares it no longer with somebody who is gone; its owner's alone when nobody else is left. `ctx` is the system's. Done again it does nothing. */
  async withdraw(ctx: OrgContext, id: string, grant: AccessGrant): Promise<void> {
    await this.db.inOrg(ctx, async (tx) => {
      const before = await this.patterns.lock(tx, ctx, id);
      if (!before || !isSharedWith(before, grant)) return;
      const row = { ...before, ...withoutGrant(before, grantKey(grant)), updatedAt: later(before.updatedAt) };
      await this.write(tx, ctx, before, row);
      await this.events.append(tx, ctx, toldChanged(before, row, changedFields(before, row)));
    });
  }

  /** @throws NotFound `memory.pattern_not_found` */
  private async lock(tx: Tx, ctx: OrgContext, grants: GrantSet, id: string): Promise<PatternRow> {
    const row = await this.patterns.lock(tx, ctx, id);
    if (!row || !mayRead(row, grants)) throw patternNotFound();
    return row;
  }

  /** The row, its place in the search, and of what fewer may read no text in earlier events. */
  private async write(tx: Tx, ctx: OrgContext, before: PatternRow, row: PatternRow): Promise<void> {
    await this.patterns.update(tx, ctx, row);
    await this.findable(tx, ctx, row);
    if (audienceOf(row) !== audienceOf(before)) await this.events.eraseText(tx, ctx, { kind: 'pattern', id: row.id });
  }

  /** What is put aside is not found. */
  private async findable(tx: Tx, ctx: OrgContext, row: PatternRow): Promise<void> {
    if (row.status === 'archived') return this.index.removeSubject(tx, ctx, 'pattern', row.id);
    const source: PatternSource = { action: row.action };
    await this.index.put(tx, ctx, [
      { id: row.id, kind: 'pattern', subjectId: row.id, ordinal: 0, title: row.name, body: row.situation, grants: row.readers, source },
    ]);
  }

  private async assertRoom(tx: Tx, ctx: OrgContext): Promise<void> {
    if ((await this.patterns.count(tx, ctx)) < MAX_PER_ORGANIZATION) return;
    throw new QuotaExceeded('memory.limit_reached', `The organization holds ${MAX_PER_ORGANIZATION} patterns. Remove some first.`, {
      retryable: false,
    });
  }
}

const CHANGEABLE = ['name', 'situation', 'action', 'accessLevel', 'accessGrants', 'tags', 'metadata', 'status'] as const;

const changedFields = (before: PatternRow, row: PatternRow) => CHANGEABLE.filter((field) => !isDeepStrictEqual(row[field], before[field]));

function toldChanged(before: PatternRow, row: PatternRow, fields: (typeof CHANGEABLE)[number][]): EventDraft {
  const changes = Object.fromEntries(
    fields.map((field): [string, [string, string]] => {
      if (field === 'accessLevel') return ['access', [before.accessLevel, row.accessLevel]];
      return [field, field === 'status' ? [before.status, row.status] : ['[text]', '[text]']];
    }),
  );
  return toldPattern('memory.pattern_changed', row, { audience: audienceOfChange(before, row), facts: { fields }, changes });
}
