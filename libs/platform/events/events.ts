import { createHmac, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { EVENTS, type EventId, type OrgId } from '@atrium/contracts';
import { afterCommit, Prisma, type SystemTx, type Tx } from '@atrium/platform/db';
import { Metrics } from '@atrium/platform/observability';
import { INSTANCE_ORG, type OrgContext } from '@atrium/platform/tenancy';
import { canonicalJson } from './canonical.js';
import { type EventDraft, type EventRow, fromRow, type JsonObject, type LoggedEvent } from './event.js';

/** The most events of one `appendMany`: the organization's head is locked meanwhile. */
const MAX_BATCH = 500;

/** The event log: audit record, outbox and live stream in one. */
@Injectable()
export class Events {
  private readonly listeners = new Set<(event: LoggedEvent) => void>();

  constructor(private readonly metrics: Metrics) {}

  /** Appends one event in the transaction of the change that it tells of. Call it as late as can be: it locks the organization's head. */
  async append(tx: Tx, ctx: OrgContext, draft: EventDraft): Promise<LoggedEvent> {
    const [event] = await this.appendMany(tx, ctx, [draft]);
    if (!event) throw new Error('append answered nothing');
    return event;
  }

  /** Appends up to 500 events with consecutive seqs. Published to listeners after the commit. */
  async appendMany(tx: Tx, ctx: OrgContext, drafts: EventDraft[]): Promise<LoggedEvent[]> {
    if (drafts.length === 0 || drafts.length > MAX_BATCH) throw new Error(`1 to ${MAX_BATCH} events at once`);
    const records = drafts.map((draft) => toRecord(ctx, draft));
    const [at] = await tx.$queryRaw<
      [{ first_seq: bigint; appended_at: Date }]
    >`SELECT first_seq, appended_at FROM append_events(${JSON.stringify(records)}::jsonb)`;
    const events = records.map((record, index) =>
      toLogged(ctx, record, drafts[index]?.stamp, Number(at.first_seq) + index, at.appended_at),
    );
    afterCommit(() => {
      for (const event of events) {
        this.metrics.events.inc({ type: event.type });
        for (const listener of this.listeners) listener(event);
      }
    });
    return events;
  }

  /** Erases the text of every event of a subject, salts too: what is left in the chain tells nothing of it. */
  async eraseText(tx: Tx, ctx: OrgContext, subject: { kind: string; id: string }): Promise<void> {
    await tx.$executeRaw`UPDATE event_texts SET text = NULL, salt = NULL WHERE org_id = ${ctx.orgId}::uuid AND subject_kind = ${subject.kind} AND subject_id = ${subject.id}::uuid`;
  }

  /** The same for many subjects of a kind. */
  async eraseTexts(tx: Tx, ctx: OrgContext, kind: string, ids: string[]): Promise<void> {
    await tx.$executeRaw`UPDATE event_texts SET text = NULL, salt = NULL WHERE org_id = ${ctx.orgId}::uuid AND subject_kind = ${kind} AND subject_id = ANY (${ids}::uuid[])`;
  }

  /** The seq of the organization's last event, in the snapshot of `tx`. */
  async head(tx: Tx, ctx: Pick<OrgContext, 'orgId'>): Promise<number> {
    const [row] = await tx.$queryRaw<{ seq: bigint }[]>`SELECT seq FROM event_heads WHERE org_id = ${ctx.orgId}::uuid`;
    return Number(row?.seq ?? 0);
  }

  /** The same in SQL, of the organization in a column: for a sweep that compares it with a cursor of its own. */
  headOf(orgIdColumn: Prisma.Sql): Prisma.Sql {
    return Prisma.sql`(SELECT seq FROM event_heads WHERE org_id = ${orgIdColumn})`;
  }

  /** Events after `seq`, oldest first, with their text. `types` null: all. */
  async after(
    tx: Tx,
    ctx: Pick<OrgContext, 'orgId'>,
    seq: number,
    limit: number,
    types: readonly string[] | null = null,
  ): Promise<LoggedEvent[]> {
    const rows = await tx.$queryRaw<EventRow[]>`
      SELECT e.*, t.text FROM events e LEFT JOIN event_texts t ON t.org_id = e.org_id AND t.seq = e.seq
      WHERE e.org_id = ${ctx.orgId}::uuid AND e.seq > ${seq} AND (${types}::text[] IS NULL OR e.type = ANY (${types}::text[]))
      ORDER BY e.seq LIMIT ${limit}`;
    return rows.map(fromRow);
  }

  /** Opens the log of a new organization; in the transaction that creates it. */
  async open(tx: Tx, ctx: Pick<OrgContext, 'orgId'>): Promise<void> {
    await tx.$executeRaw`INSERT INTO event_heads (org_id) VALUES (${ctx.orgId}::uuid) ON CONFLICT DO NOTHING`;
  }

  /** Every organization that has a log, for sweeps that then work in each. */
  async organizations(tx: SystemTx): Promise<OrgId[]> {
    const rows = await tx.$queryRaw<{ org_id: OrgId }[]>`SELECT org_id FROM event_heads WHERE org_id <> ${INSTANCE_ORG}::uuid`;
    return rows.map((row) => row.org_id);
  }

  /** Hears each event of this process right after its commit, in commit order per organization as far as the process can know. */
  listen(listener: (event: LoggedEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

type EventRecord = ReturnType<typeof toRecord>;

function toRecord(ctx: OrgContext, draft: EventDraft) {
  const salt = draft.text ? randomBytes(16) : null;
  return {
    id: uuidv7(),
    type: draft.type,
    version: EVENTS[draft.type].version,
    actorKind: ctx.principal.kind,
    actorId: ctx.principal.id,
    onBehalfOf: ctx.principal.onBehalfOf,
    requestId: ctx.requestId,
    ip: ctx.ip,
    subjectKind: draft.subject.kind,
    subjectId: draft.subject.id,
    audience: draft.audience,
    changes: draft.changes ?? {},
    data: {
      ...draft.data,
      ...(draft.requires?.length ? { requires: draft.requires } : {}),
      ...(draft.rights ? { rights: draft.rights } : {}),
      ...(ctx.via ? { via: { ...ctx.via } } : {}),
    } as JsonObject,
    ...(draft.stamp ? { stamp: draft.stamp } : {}),
    ...(draft.text && salt ? { text: draft.text, salt: salt.toString('hex'), textHmac: textHmac(salt, draft.text) } : {}),
  };
}

function toLogged(ctx: OrgContext, record: EventRecord, stamp: string[] | undefined, seq: number, at: Date): LoggedEvent {
  const data = structuredClone(record.data);
  if (stamp) {
    const parent = stamp.slice(0, -1).reduce<JsonObject>((node, key) => node[key] as JsonObject, data);
    parent[stamp.at(-1) ?? ''] = seq;
  }
  return {
    seq,
    id: record.id as EventId,
    type: record.type,
    version: record.version,
    organizationId: ctx.orgId,
    actor: { kind: record.actorKind, id: record.actorId },
    onBehalfOf: record.onBehalfOf,
    via: ctx.via,
    subject: { kind: record.subjectKind, id: record.subjectId },
    audience: record.audience,
    data: data as LoggedEvent['data'],
    text: record.text ?? null,
    createdAt: at.toISOString(),
  };
}

/** What the chained row keeps of a text: worthless once the salt is erased. */
export function textHmac(salt: Uint8Array, text: JsonObject): string {
  return createHmac('sha256', salt).update(canonicalJson(text)).digest('hex');
}
