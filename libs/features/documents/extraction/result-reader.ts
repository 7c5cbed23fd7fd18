import { z } from 'zod';
import { MAX_HEADINGS, MAX_PAGES, MAX_TITLE_LENGTH, type Extraction } from './extraction.js';
import { EXTRACTION_FAILURES, ExtractionFailed } from './extraction-failed.js';

const MAX_HEAD_BYTES = 8 * 2 ** 20;

const Offset = z.int().min(0);
const Head = z.discriminatedUnion('ok', [
  z.strictObject({
    ok: z.literal(true),
    mediaType: z.string().max(100),
    headings: z
      .array(z.strictObject({ level: z.int().min(1).max(6), title: z.string().max(MAX_TITLE_LENGTH), start: Offset }))
      .max(MAX_HEADINGS),
    pages: z.array(z.strictObject({ number: z.int().min(1), start: Offset })).max(MAX_PAGES),
    encoding: z.enum(['latin1', 'utf16le']),
    textBytes: z.int().min(0),
  }),
  z.strictObject({ ok: z.literal(false), code: z.enum(EXTRACTION_FAILURES), message: z.string().max(300) }),
]);
type Head = z.infer<typeof Head>;

/** The child broke the protocol: a fault of ours, or a parser that was taken over. */
export class BrokenResult extends Error {
  override readonly name = 'BrokenResult';
}

/**
 * Collects what the child sends: a 4-byte length, a JSON head, then the text, in one buffer of exactly its announced size. So a text of
 * the largest size costs the parent twice that size for a moment, and never more.
 */
export class ResultReader {
  private readonly headParts: Buffer[] = [];
  private headBytes = 0;
  private head: Head | null = null;
  private text: Buffer = Buffer.alloc(0);
  private filled = 0;

  constructor(private readonly maxTextBytes: number) {}

  /** @throws BrokenResult when more arrives than was announced or is allowed. */
  push(chunk: Buffer): void {
    if (this.head !== null) return this.pushText(chunk);
    this.headParts.push(chunk);
    this.headBytes += chunk.length;
    if (this.headBytes < 4) return undefined;
    const first = this.headParts[0];
    const joined = first !== undefined && first.length >= 4 ? first : this.join();
    const size = joined.readUInt32BE(0);
    if (size > MAX_HEAD_BYTES) throw new BrokenResult('the head is too large');
    if (this.headBytes < 4 + size) return undefined;
    const all = this.join();
    this.openHead(all.subarray(4, 4 + size));
    return this.pushText(all.subarray(4 + size));
  }

  /** @throws ExtractionFailed as the child says, BrokenResult when it is incomplete or inconsistent. */
  finish(): Extraction {
    const { head } = this;
    if (head === null) throw new BrokenResult('no result');
    if (!head.ok) throw new ExtractionFailed(head.code, head.message);
    if (this.filled !== this.text.length) throw new BrokenResult('the text is cut');
    const text = this.text.toString(head.encoding);
    this.text = Buffer.alloc(0);
    if (text.includes('\0') || (head.encoding === 'utf16le' && /\p{Surrogate}/u.test(text)))
      throw new BrokenResult('the text is not clean');
    if (!ascends(head.headings, text.length) || !ascends(head.pages, text.length)) throw new BrokenResult('an offset is wrong');
    const titles = head.headings.map((heading) => ({ ...heading, title: heading.title.replace(/\p{Surrogate}/gu, '') }));
    return { mediaType: head.mediaType, text, headings: titles, pages: head.pages };
  }

  private join(): Buffer {
    const joined = Buffer.concat(this.headParts);
    this.headParts.splice(0, this.headParts.length, joined);
    return joined;
  }

  private openHead(json: Buffer): void {
    try {
      this.head = Head.parse(JSON.parse(json.toString('utf8')));
    } catch (error) {
      throw new BrokenResult('the head is malformed', { cause: error });
    }
    this.headParts.length = 0;
    if (!this.head.ok) return;
    if (this.head.textBytes > this.maxTextBytes) throw new BrokenResult('the text is too large');
    this.text = Buffer.allocUnsafeSlow(this.head.textBytes);
  }

  private pushText(chunk: Buffer): void {
    if (this.filled + chunk.length > this.text.length) throw new BrokenResult('more than announced');
    chunk.copy(this.text, this.filled);
    this.filled += chunk.length;
  }
}

function ascends(places: { start: number }[], length: number): boolean {
  let before = 0;
  for (const { start } of places) {
    if (start < before || start > length) return false;
    before = start;
  }
  return true;
}
