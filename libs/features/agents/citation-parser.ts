/** What a marker claims: that the passage of this number says the quote; null: only that it supports the sentence. */
export interface Claim {
  passage: number;
  quote: string | null;
}

/** A piece of an answer. `lead` is the white space before a marker, which goes when the marker goes. */
export type AnswerPiece = { kind: 'text'; text: string } | { kind: 'marker'; lead: string; claims: Claim[] };

/** A marker that does not end within so many characters is text. */
const MAX_MARKER_CHARS = 2_000;
const BARE = /^\[\s*(\d{1,3}(?:\s*[,;]\s*\d{1,3})*)\s*\]/;
const QUOTING = /^\[\s*(\d{1,3})\s*:\s*(["“”„«]?)/;
const UNFINISHED = /^\[\s*(?:\d{1,3}\s*(?:[,;]\s*\d{0,3}\s*)*:?\s*)?$/;
const NEXT_CLAIM = /["”“»]\s*[;,]\s*(\d{1,3})\s*:\s*["“”„«]/;

/**
 * Reads an answer as it streams: text, and markers `[1: "exact quote"]` or `[1]`. Text is given on as soon as it cannot belong to a
 * marker any more.
 */
export class CitationParser {
  private buffer = '';

  push(delta: string): AnswerPiece[] {
    this.buffer += delta;
    return this.take(false);
  }

  /** What is left when nothing more comes: a marker that was not closed is text no more, for its quote is cut. */
  end(): AnswerPiece[] {
    const pieces = this.take(true);
    this.buffer = '';
    return pieces;
  }

  private take(last: boolean): AnswerPiece[] {
    const pieces: AnswerPiece[] = [];
    for (;;) {
      const at = this.buffer.indexOf('[');
      const text = at < 0 ? this.buffer : this.buffer.slice(0, at);
      const lead = /[ \t]*$/.exec(text)?.[0] ?? '';
      if (at < 0) {
        this.emit(pieces, last ? this.buffer : text.slice(0, text.length - lead.length));
        this.buffer = last ? '' : lead;
        return pieces;
      }
      const rest = this.buffer.slice(at);
      const marker = readMarker(rest);
      if (marker === 'unfinished') {
        this.emit(pieces, text.slice(0, text.length - lead.length));
        this.buffer = last ? '' : lead + rest;
        return pieces;
      }
      if (marker === null) {
        this.emit(pieces, `${text}[`);
        this.buffer = rest.slice(1);
      } else {
        this.emit(pieces, text.slice(0, text.length - lead.length));
        pieces.push({ kind: 'marker', lead, claims: marker.claims });
        this.buffer = rest.slice(marker.length);
      }
    }
  }

  private emit(pieces: AnswerPiece[], text: string): void {
    const before = pieces.at(-1);
    if (text === '') return;
    if (before?.kind === 'text') before.text += text;
    else pieces.push({ kind: 'text', text });
  }
}

/** The marker that `rest` begins with, null when it is none. */
function readMarker(rest: string): { claims: Claim[]; length: number } | null | 'unfinished' {
  const bare = BARE.exec(rest);
  if (bare)
    return { claims: (bare[1] ?? '').split(/[,;]/).map((number) => ({ passage: Number(number), quote: null })), length: bare[0].length };
  if (UNFINISHED.test(rest)) return 'unfinished';
  const open = QUOTING.exec(rest);
  if (!open) return null;
  const close = (open[2] ? /["”“»]\s*\]/ : /\]/).exec(rest.slice(open[0].length));
  if (!close) return rest.length < MAX_MARKER_CHARS ? 'unfinished' : null;
  const content = rest.slice(open[0].length, open[0].length + close.index);
  // split with a group gives: quote, number, quote, number, quote …
  const parts = [open[1] ?? '', ...content.split(NEXT_CLAIM)];
  const claims: Claim[] = [];
  for (let at = 0; at + 1 < parts.length; at += 2) claims.push({ passage: Number(parts[at]), quote: parts[at + 1] ?? '' });
  return { claims, length: open[0].length + close.index + close[0].length };
}
