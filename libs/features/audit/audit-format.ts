import { stringify } from 'csv-stringify/sync';
import type { AuditRow } from '@atrium/contracts';

const COLUMNS = [
  'seq',
  'createdAt',
  'type',
  'version',
  'actorKind',
  'actorId',
  'onBehalfOf',
  'viaKind',
  'viaId',
  'subjectKind',
  'subjectId',
  'data',
  'changes',
  'requestId',
  'ip',
  'id',
  'organizationId',
  'hash',
  'previousHash',
] as const;

/** What a spreadsheet would take for a formula, or for the beginning of one. */
const FORMULA = /^[=+\-@\t\r\n\uff0b\uff0d\uff1d\uff20]/;

export function csvHeader(): string {
  return stringify([[...COLUMNS]], { record_delimiter: 'windows' });
}

/** RFC 4180 without its header. A cell that a spreadsheet would run gets a leading `'`. */
export function toCsv(rows: AuditRow[]): string {
  return stringify(rows.map(cells), { record_delimiter: 'windows' });
}

/** One JSON object a line. */
export function toNdjson(rows: AuditRow[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
}

function cells({ actor, via, subject, data, changes, ...row }: AuditRow): string[] {
  const flat: Record<(typeof COLUMNS)[number], string | number | null> = {
    ...row,
    actorKind: actor.kind,
    actorId: actor.id,
    viaKind: via?.kind ?? null,
    viaId: via?.id ?? null,
    subjectKind: subject.kind,
    subjectId: subject.id,
    data: JSON.stringify(data),
    changes: JSON.stringify(changes),
  };
  return COLUMNS.map((column) => neutral(String(flat[column] ?? '')));
}

const neutral = (cell: string) => (FORMULA.test(cell) ? `'${cell}` : cell);
