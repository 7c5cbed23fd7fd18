import { Injectable } from '@nestjs/common';
import type { SearchKind } from '@atrium/contracts';
import type { Tx } from '@atrium/platform/db';
import type { OrgContext } from '@atrium/platform/tenancy';
import { foldText } from './folded-text.js';
import type { SearchUnit } from './search-unit.js';

/** How many units one statement writes: bounds its size to a few megabytes. */
const BATCH = 200;

/** The one index of everything that can be found. Features write it in the transaction of the command that changes the text. */
@Injectable()
export class SearchIndex {
  /** Adds units or replaces those of the same id. */
  async put(tx: Tx, ctx: Pick<OrgContext, 'orgId'>, units: SearchUnit[]): Promise<void> {
    const ordered = [...new Map(units.map((unit) => [unit.id, unit])).values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    for (let at = 0; at < ordered.length; at += BATCH) await this.putBatch(tx, ctx, ordered.slice(at, at + BATCH));
  }

  async removeSubject(tx: Tx, ctx: Pick<OrgContext, 'orgId'>, kind: SearchKind, subjectId: string): Promise<void> {
    await tx.$executeRaw`
      WITH gone AS (
        DELETE FROM search_units WHERE org_id = ${ctx.orgId}::uuid AND kind = ${kind} AND subject_id = ${subjectId}::uuid RETURNING tsv, length, counted
      )
      INSERT INTO search_debts (org_id, id, tsv, length)
      SELECT ${ctx.orgId}::uuid, gen_random_uuid(), gone.tsv, gone.length FROM gone WHERE gone.counted`;
  }

  /** Changes who may find a subject. */
  async regrant(tx: Tx, ctx: Pick<OrgContext, 'orgId'>, kind: SearchKind, subjectId: string, grants: string[]): Promise<void> {
    assertGrants(grants);
    await tx.$executeRaw`
      UPDATE search_units SET grants = ${grants}::text[], updated_at = now()
      WHERE org_id = ${ctx.orgId}::uuid AND kind = ${kind} AND subject_id = ${subjectId}::uuid`;
  }

  private async putBatch(tx: Tx, ctx: Pick<OrgContext, 'orgId'>, units: SearchUnit[]): Promise<void> {
    for (const unit of units) assertGrants(unit.grants);
    const ids = units.map((unit) => unit.id);
    // What the counter has counted of the former texts becomes its debt. The lock keeps it from counting them meanwhile.
    await tx.$executeRaw`
      WITH former AS (
        SELECT tsv, length, counted FROM search_units WHERE org_id = ${ctx.orgId}::uuid AND id = ANY (${ids}::uuid[]) ORDER BY id FOR UPDATE
      )
      INSERT INTO search_debts (org_id, id, tsv, length)
      SELECT ${ctx.orgId}::uuid, gen_random_uuid(), former.tsv, former.length FROM former WHERE former.counted`;
    const rows = JSON.stringify(units.map((unit) => ({ ...unit, titleText: foldText(unit.title), bodyText: foldText(unit.body) })));
    await tx.$executeRaw`
      INSERT INTO search_units (org_id, id, kind, subject_id, ordinal, title, body, tsv, length, grants, source)
      SELECT ${ctx.orgId}::uuid, u.id, u.kind, u."subjectId", u.ordinal, u.title, u.body, u.tsv, search_length(u.tsv), u.grants, u.source
      FROM (
        SELECT r.*, setweight(search_lexemes(r."titleText"), 'A') || search_lexemes(r."bodyText") AS tsv
        FROM jsonb_to_recordset(${rows}::jsonb) AS r(id uuid, kind text, "subjectId" uuid, ordinal int, title text, body text, "titleText" text, "bodyText" text, grants text[], source jsonb)
        OFFSET 0
      ) u
      ORDER BY u.id
      ON CONFLICT (org_id, id) DO UPDATE SET kind = EXCLUDED.kind, subject_id = EXCLUDED.subject_id, ordinal = EXCLUDED.ordinal, title = EXCLUDED.title,
        body = EXCLUDED.body, tsv = EXCLUDED.tsv, length = EXCLUDED.length, grants = EXCLUDED.grants, source = EXCLUDED.source, counted = false, updated_at = now()`;
  }
}

function assertGrants(grants: string[]): void {
  if (grants.length === 0) throw new Error('a search unit without grants could be found by nobody');
}
