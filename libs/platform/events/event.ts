import type { EventId, EventType, LiveEvent, OrgId, Permission, Via } from '@atrium/contracts';

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json | undefined };
export type JsonObject = { [key: string]: Json | undefined };

/** Who hears of an event: one of the words, or one or more grant keys with a space between them. */
export type Audience = 'organization' | 'admins' | 'nobody' | `${'user' | 'agent' | 'team' | 'channel'}:${string}` | 'everyone';

/** What a command tells. */
export interface EventDraft {
  type: EventType;
  subject: { kind: string; id: string };
  audience: Audience;
  /** Facts without text of persons: chained for ever, shown to auditors. */
  data?: JsonObject;
  /** Text of persons: erasable, never shown to auditors. Clients receive it laid over `data`, one level deep. */
  text?: JsonObject;
  /** {field: [before, after]} for what an auditor needs; write `"[text]"` in the place of text of persons. */
  changes?: Record<string, [Json, Json]>;
  /** Path in `data` that receives the event's own seq. */
  stamp?: string[];
  /**
   * Grants of the sources that the text was made of: a reader who lacks one grant of any source does not receive the text.
   * Kept in `data.requires`, never sent.
   */
  requires?: string[][];
  /** What whoever caused it may do by the credential that was used, for work that the event starts. Kept in `data.rights`, never sent. */
  rights?: Permission[];
}

/** An event as it stands in the log, its text beside it. */
export interface LoggedEvent extends Omit<LiveEvent, 'type'> {
  type: EventType;
  audience: Audience;
  text: JsonObject | null;
}

/** What a reader with these grants receives. `grants` null: the text is withheld whatever is required. */
export function toLiveEvent(event: LoggedEvent, grants: ReadonlySet<string> | null): LiveEvent {
  const { audience: _audience, text, data, ...rest } = event;
  const mayRead = grants !== null && ((data as Kept).requires ?? []).every((source) => source.some((grant) => grants.has(grant)));
  const open = factsOf(data);
  return { ...rest, data: (mayRead && text ? overlay(open, text) : open) as LiveEvent['data'] };
}

/** What `data` keeps beside the facts that a command told, chained with them and never sent in it. */
interface Kept {
  requires?: string[][];
  rights?: Permission[];
  via?: Via;
}

/** `data` as its command told it. */
export function factsOf(data: LoggedEvent['data']): JsonObject {
  const { requires: _requires, rights: _rights, via: _via, ...facts } = data;
  return facts;
}

/** What whoever caused the event could do; nothing where it was not told, as of what our own work does. */
export const rightsOf = ({ data }: Pick<LoggedEvent, 'data'>): Permission[] => (data as Kept).rights ?? [];

/** `text` over `data`; objects that both have are merged one level deep. */
function overlay(data: JsonObject, text: JsonObject): JsonObject {
  const merged: JsonObject = { ...data };
  for (const [key, value] of Object.entries(text)) {
    const below = merged[key];
    merged[key] = isObject(below) && isObject(value) ? { ...below, ...value } : value;
  }
  return merged;
}

const isObject = (value: Json | undefined): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

/** A row of the log as raw SQL reads it. */
export interface EventRow {
  org_id: string;
  seq: bigint;
  at: Date;
  id: string;
  type: string;
  version: number;
  actor_kind: string;
  actor_id: string | null;
  on_behalf_of: string | null;
  request_id: string | null;
  ip: string | null;
  subject_kind: string;
  subject_id: string;
  audience: string;
  changes: JsonObject;
  data: JsonObject;
  text_hmac: string | null;
  text?: JsonObject | null;
}

export function fromRow(row: EventRow): LoggedEvent {
  return {
    seq: Number(row.seq),
    id: row.id as EventId,
    type: row.type as EventType,
    version: row.version,
    organizationId: row.org_id as OrgId,
    actor: { kind: row.actor_kind as LiveEvent['actor']['kind'], id: row.actor_id },
    onBehalfOf: row.on_behalf_of,
    via: (row.data as Kept).via ?? null,
    subject: { kind: row.subject_kind, id: row.subject_id },
    audience: row.audience as Audience,
    data: row.data as LiveEvent['data'],
    text: row.text ?? null,
    createdAt: row.at.toISOString(),
  };
}
