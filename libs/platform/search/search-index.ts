import { Injectable } from '@nestjs/common';
import type { SearchKind } from '@atrium/contracts';
import type { Tx } from '@atrium/platform/db';
import type { JsonObject } from '@atrium/platform/events';
import type { OrgContext } from '@atrium/platform/tenancy';
import { foldText } from './folded-text.js';
import type { SearchUnit, Turn } from './search-unit.js';

/** What can be found: a message or a document. */
export interface Subject {
  kind: string;
  subjectId: string;
}

export const subjectKey = ({ kind, subjectId }: Subject): string => `${kind}:${subjectId}`;

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

  /** Adds units of a subject that had none; `put` looks for former ones first. */
  async add(tx: Tx, ctx: Pick<OrgContext, 'orgId'>, units: SearchUnit[]): Promise<void> {
    for (let at = 0; at < units.length; at += BATCH) await this.write(tx, ctx, units.slice(at, at + BATCH));
  }

  async removeSubject(tx: Tx, ctx: Pick<OrgContext, 'orgId'>, kind: SearchKind, subjectId: string): Promise<void> {
    await tx.$executeRaw`
      WITH gone AS (
        DELETE FROM search_units WHERE org_id = ${ctx.orgId}::uuid AND kind = ${kind} AND subject_id = ${subjectId}::uuid RETURNING tsv, length, counted
      )
      INSERT INTO search_debts (org_id, id, tsv, length)
      SELECT ${ctx.orgId}::uuid, gen_random_uuid(), gone.tsv, gone.length FROM gone WHERE gone.counted`;
  }

  /** Removes what is said of many subjects. */
  async removeSubjects(tx: Tx, ctx: Pick<OrgContext, 'orgId'>, kind: SearchKind, subjectIds: string[]): Promise<void> {
    await tx.$executeRaw`
      WITH gone AS (
        DELETE FROM search_units WHERE org_id = ${ctx.orgId}::uuid AND kind = ${kind} AND subject_id = ANY (${subjectIds}::uuid[])
        RETURNING tsv, length, counted
      )
      INSERT INTO search_debts (org_id, id, tsv, length)
      SELECT ${ctx.orgId}::uuid, gen_random_uuid(), gone.tsv, gone.length FROM gone WHERE gone.counted`;
  }

  /**
   * Hides the units of a kind whose source has these fields, those that are put later too, until `unveil`. So a large text appears and
   * disappears at one moment, though its units are written and removed in many transactions.
   */
  async veil(tx: Tx, ctx: Pick<OrgContext, 'orgId'>, kind: SearchKind, source: JsonObject): Promise<void> {
    await tx.$executeRaw`
      INSERT INTO search_veils (org_id, kind, source) VALUES (${ctx.orgId}::uuid, ${kind}, ${veilOf(source)}) ON CONFLICT DO NOTHING`;
  }

  /** Takes the veil over exactly this source away. */
  async unveil(tx: Tx, ctx: Pick<OrgContext, 'orgId'>, kind: SearchKind, source: JsonObject): Promise<void> {
    await tx.$executeRaw`DELETE FROM search_veils WHERE org_id = ${ctx.orgId}::uuid AND kind = ${kind} AND source = ${veilOf(source)}`;
  }

  /** The veils whose source has these fields. */
  async veils(tx: Tx, ctx: Pick<OrgContext, 'orgId'>, kind: SearchKind, source: JsonObject): Promise<JsonObject[]> {
    const rows = await tx.$queryRaw<{ source: JsonObject }[]>`
      SELECT source::jsonb AS source FROM search_veils WHERE org_id = ${ctx.orgId}::uuid AND kind = ${kind} AND source::jsonb @> ${JSON.stringify(source)}::jsonb`;
    return rows.map((row) => row.source);
  }

  /** Removes up to `atMost` units of a subject whose source has these fields. Answers how many. */
  async removeSome(
    tx: Tx,
    ctx: Pick<OrgContext, 'orgId'>,
    { kind, subjectId, source }: { kind: SearchKind; subjectId: string; source: JsonObject },
    atMost: number,
  ): Promise<number> {
    const [row] = await tx.$queryRaw<[{ count: bigint }]>`
      WITH gone AS (
        DELETE FROM search_units WHERE org_id = ${ctx.orgId}::uuid AND id IN (
          SELECT id FROM search_units WHERE org_id = ${ctx.orgId}::uuid AND kind = ${kind} AND subject_id = ${subjectId}::uuid
            AND source @> ${JSON.stringify(source)}::jsonb LIMIT ${atMost})
        RETURNING tsv, length, counted
      ), owed AS (
        INSERT INTO search_debts (org_id, id, tsv, length)
        SELECT ${ctx.orgId}::uuid, gen_random_uuid(), gone.tsv, gone.length FROM gone WHERE gone.counted
      )
      SELECT count(*) FROM gone`;
    return Number(row.count);
  }

  /** Changes who may find up to `atMost` units of a subject. Answers how many had other grants. */
  async regrantSome(
    tx: Tx,
    ctx: Pick<OrgContext, 'orgId'>,
    { kind, subjectId, grants }: { kind: SearchKind; subjectId: string; grants: string[] },
    atMost: number,
  ): Promise<number> {
    assertGrants(grants);
    return tx.$executeRaw`
      UPDATE search_units SET grants = ${grants}::text[], updated_at = now()
      WHERE org_id = ${ctx.orgId}::uuid AND id IN (
        SELECT id FROM search_units WHERE org_id = ${ctx.orgId}::uuid AND kind = ${kind} AND subject_id = ${subjectId}::uuid
          AND grants <> ${grants}::text[] LIMIT ${atMost})`;
  }

  /** Changes who may find a subject that has few units. */
  async regrant(tx: Tx, ctx: Pick<OrgContext, 'orgId'>, kind: SearchKind, subjectId: string, grants: string[]): Promise<void> {
    assertGrants(grants);
    await tx.$executeRaw`
      UPDATE search_units SET grants = ${grants}::text[], updated_at = now()
      WHERE org_id = ${ctx.orgId}::uuid AND kind = ${kind} AND subject_id = ${subjectId}::uuid`;
  }

  /** Gives units another title. For kinds whose title is no part of what is compared by meaning: the vectors stay. */
  async retitle(tx: Tx, ctx: Pick<OrgContext, 'orgId'>, unitIds: readonly string[], title: string): Promise<void> {
    if (unitIds.length === 0) return;
    await tx.$executeRaw`
      WITH former AS (
        SELECT id, tsv, length, counted FROM search_units WHERE org_id = ${ctx.orgId}::uuid AND id = ANY (${unitIds}::uuid[]) AND title <> ${title} ORDER BY id FOR UPDATE
      ), owed AS (
        INSERT INTO search_debts (org_id, id, tsv, length)
        SELECT ${ctx.orgId}::uuid, gen_random_uuid(), former.tsv, former.length FROM former WHERE former.counted
      ), renamed AS (
        SELECT id, setweight(search_lexemes(${foldText(title)}), 'A') || ts_filter(tsv, '{b,c,d}') AS tsv FROM former
      )
      UPDATE search_units u SET title = ${title}, tsv = r.tsv, length = search_length(r.tsv), counted = false, updated_at = now()
      FROM renamed r WHERE u.org_id = ${ctx.orgId}::uuid AND u.id = r.id`;
  }

  /** Changes when a subject holds: from `validFrom` until before `validTo`; null has no end on that side. */
  async revalidate(
    tx: Tx,
    ctx: Pick<OrgContext, 'orgId'>,
    kind: SearchKind,
    subjectId: string,
    { validFrom, validTo }: { validFrom: Date | null; validTo: Date | null },
  ): Promise<void> {
    await tx.$executeRaw`
      UPDATE search_units SET valid_from = ${validFrom}::timestamptz, valid_to = ${validTo}::timestamptz, updated_at = now()
      WHERE org_id = ${ctx.orgId}::uuid AND kind = ${kind} AND subject_id = ${subjectId}::uuid`;
  }

  /** Who may find these subjects now, by `subjectKey`: nobody for now what is veiled. What is not in the index (any more) is left out. */
  async grantsOf(tx: Tx, ctx: Pick<OrgContext, 'orgId'>, subjects: readonly Subject[]): Promise<Map<string, string[]>> {
    if (subjects.length === 0) return new Map();
    const different = [...new Map(subjects.map((subject) => [subjectKey(subject), subject])).values()];
    const [kinds, ids] = [different.map(({ kind }) => kind), different.map(({ subjectId }) => subjectId)];
    const rows = await tx.$queryRaw<(Subject & { grants: string[] })[]>`
      SELECT w.kind, w.id AS "subjectId", coalesce(u.grants, '{}') AS grants FROM unnest(${kinds}::text[], ${ids}::uuid[]) AS w(kind, id)
      LEFT JOIN LATERAL (
        SELECT s.grants FROM search_units s WHERE s.org_id = ${ctx.orgId}::uuid AND s.kind = w.kind AND s.subject_id = w.id
          AND NOT EXISTS (SELECT FROM search_veils v WHERE v.org_id = s.org_id AND v.kind = s.kind AND s.source @> v.source::jsonb)
        ORDER BY s.ordinal LIMIT 1
      ) u ON true
      WHERE u.grants IS NOT NULL OR EXISTS (
        SELECT FROM search_units s WHERE s.org_id = ${ctx.orgId}::uuid AND s.kind = w.kind AND s.subject_id = w.id)`;
    return new Map(rows.map(({ grants, ...subject }) => [subjectKey(subject), grants]));
  }

  private async putBatch(tx: Tx, ctx: Pick<OrgContext, 'orgId'>, units: SearchUnit[]): Promise<void> {
    const ids = units.map((unit) => unit.id);
    // What the counter has counted of the former texts becomes its debt; the lock keeps it from counting them meanwhile. What they meant is
    // forgotten at once.
    await tx.$executeRaw`
      WITH former AS (
        SELECT tsv, length, counted FROM search_units WHERE org_id = ${ctx.orgId}::uuid AND id = ANY (${ids}::uuid[]) ORDER BY id FOR UPDATE
      ), meant AS (
        DELETE FROM search_vectors WHERE org_id = ${ctx.orgId}::uuid AND unit_id = ANY (${ids}::uuid[])
      )
      INSERT INTO search_debts (org_id, id, tsv, length)
      SELECT ${ctx.orgId}::uuid, gen_random_uuid(), former.tsv, former.length FROM former WHERE former.counted`;
    await this.write(tx, ctx, units);
  }

  private async write(tx: Tx, ctx: Pick<OrgContext, 'orgId'>, units: SearchUnit[]): Promise<void> {
    for (const unit of units) assertGrants(unit.grants);
    const rows = JSON.stringify(
      units.map((unit) => ({ ...unit, titleText: foldText(unit.title), bodyText: foldText(unit.body), ...turnColumns(unit.turn) })),
    );
    await tx.$executeRaw`
      WITH put AS (
      INSERT INTO search_units (org_id, id, kind, subject_id, ordinal, title, body, tsv, length, grants, source, valid_from, valid_to, conversation, place)
      SELECT ${ctx.orgId}::uuid, u.id, u.kind, u."subjectId", u.ordinal, u.title, u.body, u.tsv, search_length(u.tsv), u.grants, u.source, u."validFrom", u."validTo", u.conversation, u.place
      FROM (
        SELECT r.*, setweight(search_lexemes(r."titleText"), 'A') || setweight(search_lexemes(r."speakerText"), 'B') || search_lexemes(r."bodyText") || search_lexemes(r."dayText") AS tsv
        FROM jsonb_to_recordset(${rows}::jsonb) AS r(id uuid, kind text, "subjectId" uuid, ordinal int, title text, body text, "titleText" text, "bodyText" text, grants text[], source jsonb, "validFrom" timestamptz, "validTo" timestamptz, conversation uuid, place bigint, "speakerText" text, "dayText" text)
        OFFSET 0
      ) u
      ORDER BY u.id
      ON CONFLICT (org_id, id) DO UPDATE SET kind = EXCLUDED.kind, subject_id = EXCLUDED.subject_id, ordinal = EXCLUDED.ordinal, title = EXCLUDED.title,
        body = EXCLUDED.body, tsv = EXCLUDED.tsv, length = EXCLUDED.length, grants = EXCLUDED.grants, source = EXCLUDED.source, valid_from = EXCLUDED.valid_from, valid_to = EXCLUDED.valid_to, conversation = EXCLUDED.conversation, place = EXCLUDED.place, counted = false, updated_at = now()
      RETURNING id
      )
      INSERT INTO search_pending (org_id, space, unit_id) SELECT ${ctx.orgId}::uuid, 0, id FROM put ON CONFLICT DO NOTHING`;
  }
}

function assertGrants(grants: string[]): void {
  if (grants.length === 0) throw new Error('a search unit without grants could be found by nobody');
}

/** The same for the same fields, in whatever order they stand. */
function veilOf(source: JsonObject): string {
  return JSON.stringify(Object.fromEntries(Object.entries(source).sort(([a], [b]) => (a < b ? -1 : 1))));
}

/** Made once: making it takes longer than the rest of a message's unit. */
const DAY = new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', day: 'numeric', month: 'long', year: 'numeric' });

/** The day in words is found too, but not shown. */
function turnColumns(turn: Turn | undefined) {
  const day = turn && DAY.format(turn.saidAt);
  return {
    turn: undefined,
    conversation: turn?.conversation,
    place: turn?.saidAt.getTime(),
    speakerText: foldText(turn?.speaker ?? ''),
    dayText: day ?? '',
  };
}
