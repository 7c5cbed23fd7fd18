import { Injectable } from '@nestjs/common';
import { isUniqueViolation, type Prisma, type Tx } from '@atrium/platform/db';
import { Conflict, NotFound } from '@atrium/platform/errors';
import type { OrgContext } from '@atrium/platform/tenancy';
import type { HttpToolRow } from './http-tool.js';

type Org = Pick<OrgContext, 'orgId'>;

/** The table `http_tools`. */
@Injectable()
export class HttpToolRepository {
  /** @throws NotFound `http-tools.not_found` */
  async get(tx: Tx, { orgId }: Org, id: string): Promise<HttpToolRow> {
    const row = await tx.httpTool.findFirst({ where: { orgId, id } });
    if (!row) throw new NotFound('http-tools.not_found', 'There is no such HTTP tool.');
    return row;
  }

  /** The same, locked until the commit. @throws NotFound `http-tools.not_found` */
  async lock(tx: Tx, ctx: Org, id: string): Promise<HttpToolRow> {
    await tx.$queryRaw`SELECT 1 FROM http_tools WHERE org_id = ${ctx.orgId}::uuid AND id = ${id}::uuid FOR NO KEY UPDATE`;
    return this.get(tx, ctx, id);
  }

  /** By name; `after` is a name, exclusive. */
  list(tx: Tx, { orgId }: Org, after: string, limit: number): Promise<HttpToolRow[]> {
    return tx.httpTool.findMany({ where: { orgId, name: { gt: after } }, orderBy: { name: 'asc' }, take: limit });
  }

  /** Those that are turned on, without what they are. */
  callableNames(tx: Tx, { orgId }: Org): Promise<Pick<HttpToolRow, 'name' | 'effect'>[]> {
    return tx.httpTool.findMany({ where: { orgId, enabled: true }, select: { name: true, effect: true } });
  }

  /** Those of these names that there are. */
  named(tx: Tx, { orgId }: Org, names: readonly string[]): Promise<HttpToolRow[]> {
    return tx.httpTool.findMany({ where: { orgId, name: { in: [...names] } } });
  }

  /** Locks the organization's tools as a whole, and counts them. */
  async lockedCount(tx: Tx, { orgId }: Org): Promise<number> {
    await tx.$queryRaw`SELECT 1 FROM pg_advisory_xact_lock(hashtextextended(${`${orgId}|http_tools`}, 2))`;
    return tx.httpTool.count({ where: { orgId } });
  }

  /** @throws Conflict `http-tools.name_taken` */
  async insert(tx: Tx, row: HttpToolRow): Promise<void> {
    try {
      await tx.httpTool.createMany({ data: written(row) });
    } catch (error) {
      if (isUniqueViolation(error)) throw new Conflict('http-tools.name_taken', 'An HTTP tool of this name exists. Choose another name.');
      throw error;
    }
  }

  async update(tx: Tx, row: HttpToolRow): Promise<void> {
    const { orgId, id, ...columns } = written(row);
    await tx.httpTool.updateMany({ where: { orgId, id }, data: columns });
  }

  async remove(tx: Tx, { orgId }: Org, id: string): Promise<void> {
    await tx.httpTool.deleteMany({ where: { orgId, id } });
  }
}

const written = (row: HttpToolRow) => ({
  ...row,
  inputSchema: row.inputSchema as Prisma.InputJsonValue,
  headers: row.headers as Prisma.InputJsonValue,
});
