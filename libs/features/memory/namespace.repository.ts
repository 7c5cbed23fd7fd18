import { Injectable } from '@nestjs/common';
import type { AccessGrant } from '@atrium/contracts';
import type { Prisma, Tx } from '@atrium/platform/db';
import { type GrantSet, mayRead } from '@atrium/platform/search';
import type { OrgContext } from '@atrium/platform/tenancy';
import { personBehind } from './access.js';
import { chosen, nameKey, type NamespaceRow, namespaceNotFound } from './namespace.js';

type Org = Pick<OrgContext, 'orgId'>;

/** The table `memory_namespaces`. Whoever changes a memory locks its namespace first. */
@Injectable()
export class NamespaceRepository {
  find(tx: Tx, { orgId }: Org, id: string): Promise<NamespaceRow | null> {
    return tx.memoryNamespace.findFirst({ where: { orgId, id } });
  }

  /** @throws NotFound `memory.namespace_not_found` also for one that the reader may not see. */
  async get(tx: Tx, ctx: Org, grants: GrantSet, id: string): Promise<NamespaceRow> {
    const row = await this.find(tx, ctx, id);
    if (!row || !mayRead(row, grants)) throw namespaceNotFound();
    return row;
  }

  /** Locks it until the commit; null when it is gone. */
  async lock(tx: Tx, ctx: Org, id: string): Promise<NamespaceRow | null> {
    await tx.$queryRaw`SELECT 1 FROM memory_namespaces WHERE org_id = ${ctx.orgId}::uuid AND id = ${id}::uuid FOR NO KEY UPDATE`;
    return this.find(tx, ctx, id);
  }

  /** Ids of those whose access names somebody. */
  async sharedWith(tx: Tx, { orgId }: Org, grant: AccessGrant, limit: number): Promise<string[]> {
    const rows = await tx.$queryRaw<{ id: string }[]>`
      SELECT id FROM memory_namespaces WHERE org_id = ${orgId}::uuid AND access_grants @> ${JSON.stringify([grant])}::jsonb ORDER BY id LIMIT ${limit}`;
    return rows.map(({ id }) => id);
  }

  /** Of each name the namespace that it means to the person of `ctx`, by the name's key. */
  async resolve(tx: Tx, ctx: OrgContext, grants: GrantSet, names: readonly string[]): Promise<Map<string, NamespaceRow>> {
    const keys = [...new Set(names.map(nameKey))];
    const rows = await tx.memoryNamespace.findMany({
      where: { orgId: ctx.orgId, nameKey: { in: keys }, readers: { hasSome: grants.toArray() } },
    });
    const person = personBehind(ctx);
    return new Map(
      keys.flatMap((key): [string, NamespaceRow][] => {
        const row = chosen(rows, key, person);
        return row ? [[key, row]] : [];
      }),
    );
  }

  findOwned(tx: Tx, { orgId }: Org, ownerId: string, key: string): Promise<NamespaceRow | null> {
    return tx.memoryNamespace.findFirst({ where: { orgId, ownerId, nameKey: key } });
  }

  /** The names of these namespaces by id. */
  async names(tx: Tx, { orgId }: Org, ids: readonly string[]): Promise<Map<string, string>> {
    const where = { orgId, id: { in: [...new Set(ids)] } };
    const rows = await tx.memoryNamespace.findMany({ where, select: { id: true, name: true } });
    return new Map(rows.map((row) => [row.id, row.name]));
  }

  /** Oldest first, after `after`. */
  list(tx: Tx, { orgId }: Org, grants: GrantSet, after: string | undefined, limit: number): Promise<NamespaceRow[]> {
    return tx.memoryNamespace.findMany({
      where: { orgId, readers: { hasSome: grants.toArray() }, ...(after === undefined ? {} : { id: { gt: after } }) },
      orderBy: { id: 'asc' },
      take: limit,
    });
  }

  countOwned(tx: Tx, { orgId }: Org, ownerId: string): Promise<number> {
    return tx.memoryNamespace.count({ where: { orgId, ownerId } });
  }

  /** How many memories the organization holds. */
  async countMemories(tx: Tx, { orgId }: Org): Promise<number> {
    const { _sum } = await tx.memoryNamespace.aggregate({ where: { orgId }, _sum: { memories: true } });
    return _sum.memories ?? 0;
  }

  /** Whether it was new: of two of one name of one owner the second is not stored. */
  async insert(tx: Tx, row: NamespaceRow): Promise<boolean> {
    const data = [{ ...row, accessGrants: row.accessGrants as Prisma.InputJsonValue }];
    const { count } = await tx.memoryNamespace.createMany({ data, skipDuplicates: true });
    return count > 0;
  }

  async update(tx: Tx, { orgId }: Org, { id, ...row }: NamespaceRow): Promise<void> {
    const { name, nameKey: key, description, accessLevel, accessGrants, readers, updatedAt } = row;
    const data = { name, nameKey: key, description, accessLevel, accessGrants: accessGrants as Prisma.InputJsonValue, readers, updatedAt };
    await tx.memoryNamespace.updateMany({ where: { orgId, id }, data });
  }

  /** Counts memories that came or, below 0, went. */
  async count(tx: Tx, { orgId }: Org, id: string, by: number): Promise<void> {
    await tx.memoryNamespace.updateMany({ where: { orgId, id }, data: { memories: { increment: by } } });
  }

  async remove(tx: Tx, { orgId }: Org, id: string): Promise<void> {
    await tx.memoryNamespace.deleteMany({ where: { orgId, id } });
  }
}
