import { isDeepStrictEqual } from 'node:util';
import { Injectable } from '@nestjs/common';
import type { AccessGrant, CreateNamespace, Namespace, NamespaceId, PatchNamespace } from '@atrium/contracts';
import { Db, type Tx } from '@atrium/platform/db';
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
import { goesOnWith, inheritedBefore, type MemoryRow, slotOfRow } from './memory.js';
import { type Changes, MemoryChanges, noChanges } from './memory-changes.js';
import { toldNamespace } from './memory-events.js';
import { MemoryRepository } from './memory.repository.js';
import { MemoryUnits } from './memory-units.js';
import { DEFAULT_KEY, nameKey, namespaceNotFound, type NamespaceRow, newNamespace, toNamespace } from './namespace.js';
import { NamespaceRepository } from './namespace.repository.js';
import { Remembering } from './remembering.js';

/** A new access of a large namespace is that of each memory in it. */
const PATIENT = { timeoutSeconds: 120 };

/** The commands on namespaces. */
@Injectable()
export class NamespacesService {
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
  ) {}

  /** @throws Conflict `memory.namespace_name_taken`, Forbidden `memory.read_only`, QuotaExceeded `memory.limit_reached` */
  async create(ctx: OrgContext, { name, description, access }: CreateNamespace): Promise<Namespace> {
    const asked = [{ access, pointer: '/access' }];
    await this.grantees.assertThere(ctx, asked);
    return this.db.inOrg(ctx, async (tx) => {
      await this.grantees.hold(tx, ctx, asked);
      const row = newNamespace(ctx, name, { description, access });
      assertMayWrite(ctx, row.accessLevel);
      await this.remembering.assertNamespaceRoom(tx, ctx);
      if (!(await this.namespaces.insert(tx, row))) throw nameTaken();
      await this.events.append(tx, ctx, toldNamespace('memory.namespace_created', row));
      return toNamespace(row);
    });
  }

  /**
   * Honours If-Match. A new access is also that of the memories that had the one before.
   * @throws NotFound `memory.namespace_not_found`, Forbidden `memory.not_owner`, `memory.read_only`, Conflict `memory.namespace_name_taken`,
   * `memory.namespace_is_default`, `request.precondition_failed`
   */
  async change(ctx: OrgContext, id: NamespaceId, patch: PatchNamespace): Promise<Namespace> {
    const grants = await this.readers.of(ctx);
    const asked = [{ access: patch.access, pointer: '/access' }];
    await this.grantees.assertThere(ctx, asked);
    return this.db.inOrg(
      ctx,
      async (tx) => {
        const before = await this.lock(tx, ctx, grants, id);
        assertUnchanged(ctx, before);
        const name = patch.name?.normalize('NFC') ?? before.name;
        const access = patch.access ? accessColumns(before.ownerId, patch.access) : {};
        const row = { ...before, ...access, name, nameKey: nameKey(name), description: patch.description ?? before.description };
        const fields = CHANGEABLE.filter((field) => !isDeepStrictEqual(row[field], before[field]));
        if (fields.length === 0) return toNamespace(before);
        assertMayWrite(ctx, row.accessLevel);
        await this.grantees.hold(tx, ctx, asked);
        if (row.nameKey !== before.nameKey) await this.assertRenamable(tx, ctx, before, row);
        row.updatedAt = later(before.updatedAt);
        await this.namespaces.update(tx, ctx, row);
        const changes = noChanges();
        if (row.readers.join() !== before.readers.join()) await this.regrant(tx, ctx, before, row, changes);
        if (row.name !== before.name)
          for (const memory of await this.memories.ofNamespace(tx, ctx, id)) await this.units.put(tx, ctx, memory, row.name);
        changes.drafts.push(toldChanged(before, row, fields));
        await this.changes.tell(tx, ctx, changes);
        return toNamespace(row);
      },
      PATIENT,
    );
  }

  /**
   * @throws NotFound `memory.namespace_not_found`, Forbidden `memory.not_owner`, Conflict `memory.namespace_not_empty`,
   * `memory.namespace_is_default`, `request.precondition_failed`
   */
  async remove(ctx: OrgContext, id: NamespaceId): Promise<void> {
    const grants = await this.readers.of(ctx);
    await this.db.inOrg(ctx, async (tx) => {
      const row = await this.lock(tx, ctx, grants, id);
      assertUnchanged(ctx, row);
      if (row.nameKey === DEFAULT_KEY) throw isDefault();
      if (row.memories > 0)
        throw new Conflict('memory.namespace_not_empty', `It holds ${row.memories} memories, retired ones too. Forget them first.`);
      await this.namespaces.remove(tx, ctx, id);
      await this.events.eraseText(tx, ctx, { kind: 'memory_namespace', id });
      await this.events.append(tx, ctx, {
        type: 'memory.namespace_removed',
        subject: { kind: 'memory_namespace', id },
        audience: audienceOf(row),
        data: { namespaceId: id },
      });
    });
  }

  /**
   * Shares it no longer with somebody who is gone; its owner's alone when nobody else is left. Its memories have an access of their own. `ctx` is the
   * system's. Done again it does nothing.
   */
  async withdraw(ctx: OrgContext, id: string, grant: AccessGrant): Promise<void> {
    await this.db.inOrg(ctx, async (tx) => {
      const before = await this.namespaces.lock(tx, ctx, id);
      if (!before || !isSharedWith(before, grant)) return;
      const row = { ...before, ...withoutGrant(before, grantKey(grant)), updatedAt: later(before.updatedAt) };
      await this.namespaces.update(tx, ctx, row);
      await this.events.eraseText(tx, ctx, { kind: 'memory_namespace', id });
      const fields = CHANGEABLE.filter((field) => !isDeepStrictEqual(row[field], before[field]));
      await this.events.append(tx, ctx, toldChanged(before, row, fields));
    });
  }

  /** @throws NotFound `memory.namespace_not_found`, Forbidden `memory.not_owner` */
  private async lock(tx: Tx, ctx: OrgContext, grants: GrantSet, id: string): Promise<NamespaceRow> {
    await this.namespaces.get(tx, ctx, grants, id);
    const row = await this.namespaces.lock(tx, ctx, id);
    if (!row) throw namespaceNotFound();
    await this.namespaces.get(tx, ctx, grants, id);
    assertMayChange(ctx, row);
    return row;
  }

  /** @throws Conflict `memory.namespace_is_default`, `memory.namespace_name_taken` */
  private async assertRenamable(tx: Tx, ctx: OrgContext, before: NamespaceRow, row: NamespaceRow): Promise<void> {
    if (before.nameKey === DEFAULT_KEY) throw isDefault();
    if (await this.namespaces.findOwned(tx, ctx, row.ownerId, row.nameKey)) throw nameTaken();
  }

  /**
   * What had the namespace's access follows it; when another memory says the same to those who are left, that one takes its place. Of what
   * fewer may read, the texts of the events before are erased.
   */
  private async regrant(tx: Tx, ctx: OrgContext, before: NamespaceRow, after: NamespaceRow, changes: Changes): Promise<void> {
    for (const row of await this.memories.withLevel(tx, ctx, before.id, before.accessLevel)) {
      if (!inheritedBefore(row, before)) continue;
      const changed: MemoryRow = { ...row, ...goesOnWith(row.ownerId, after), updatedAt: later(row.updatedAt) };
      changed.factKey = factKey(changed.readers, slotOfRow(row), row.content);
      const twin = await this.changes.twinOf(tx, ctx, changed, after.name, changes);
      await this.events.eraseText(tx, ctx, { kind: 'memory', id: row.id });
      if (twin) {
        await this.units.put(tx, ctx, await this.changes.supersede(tx, ctx, changed, twin, after.name, changes), after.name);
      } else {
        await this.memories.update(tx, ctx, changed);
        await this.units.put(tx, ctx, changed, after.name);
      }
    }
    await this.events.eraseText(tx, ctx, { kind: 'memory_namespace', id: before.id });
  }
}

const CHANGEABLE = ['name', 'description', 'accessLevel', 'accessGrants'] as const;

function toldChanged(before: NamespaceRow, row: NamespaceRow, fields: (typeof CHANGEABLE)[number][]) {
  const audience = audienceOfChange(before, row);
  const changes = Object.fromEntries(
    fields.map((field): [string, [string, string]] =>
      field === 'accessLevel' ? ['access', [before.accessLevel, row.accessLevel]] : [field, ['[text]', '[text]']],
    ),
  );
  return toldNamespace('memory.namespace_changed', row, { audience, facts: { fields }, changes });
}

const nameTaken = () => new Conflict('memory.namespace_name_taken', 'There is a namespace of this name already. Choose another one.');
const isDefault = () => new Conflict('memory.namespace_is_default', 'The namespace default keeps its name and is not removed.');
