/** What a Range header asks for. `contentRange` is the header of the answer: 206 for `part`, 416 for `unsatisfiable`. */
export type ByteRange =
  { kind: 'whole' } | { kind: 'part'; start: number; end: number; contentRange: string } | { kind: 'unsatisfiable'; contentRange: string };

/**
 * Reads an HTTP Range header (RFC 9110, 14.2) of an object of `sizeBytes`. Another unit, several ranges or a malformed header mean
 * the whole object, as the RFC allows; `start` and `end` are both included.
 */
export function parseRange(header: string | undefined, sizeBytes: number): ByteRange {
  const [, from, to] = /^bytes=(\d*)-(\d*)$/i.exec(header?.trim() ?? '') ?? [];
  if (from === undefined || to === undefined || (from === '' && to === '')) return { kind: 'whole' };
  if (from !== '' && to !== '' && Number(from) > Number(to)) return { kind: 'whole' };
  const start = from === '' ? Math.max(0, sizeBytes - Number(to)) : Number(from);
  const end = from === '' || to === '' ? sizeBytes - 1 : Math.min(Number(to), sizeBytes - 1);
  if (start >= sizeBytes) return { kind: 'unsatisfiable', contentRange: `bytes */${sizeBytes}` };
  return { kind: 'part', start, end, contentRange: `bytes ${start}-${end}/${sizeBytes}` };
}
