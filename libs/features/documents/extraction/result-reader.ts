import { z } from 'zod';
import { MAX_HEADINGS, MAX_PAGES, MAX_TITLE_LENGTH, type Extraction } from './extraction.js';
import { EXTRACTION_FAILURES, ExtractionFailed } from './extraction-failed.js';
import { TextFile } from './text-file.js';

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
 * Takes what the child sends: a 4-byte length, a JSON head, then the text, which goes to disk as it comes. So a text of the largest size
 * costs the parent no more memory than a small one.
 */
export class ResultReader {
  private readonly headParts: Buffer[] = [];
  private headBytes = 0;
  private head: Head | null = null;
  private text: TextFile | null = null;
  private textBytes = 0;

  constructor(private readonly maxTextBytes: number) {}

  /** @throws BrokenResult when more arrives than was announced or is allowed, or no clean text. */
  async push(chunk: Buffer): Promise<void> {
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
    await this.openHead(all.subarray(4, 4 + size));
    return this.pushText(all.subarray(4 + size));
  }

  /** The text is the caller's to close. @throws ExtractionFailed as the child says, BrokenResult when it is incomplete or inconsistent. */
  finish(): Extraction<TextFile> {
    const { head, text } = this;
    if (head === null) throw new BrokenResult('no result');
    if (!head.ok) throw new ExtractionFailed(head.code, head.message);
    if (text === null || this.textBytes !== head.textBytes) throw new BrokenResult('the text is cut');
    if (!text.isWhole()) throw new BrokenResult('the text is not clean');
    if (!ascends(head.headings, text.length) || !ascends(head.pages, text.length)) throw new BrokenResult('an offset is wrong');
    const titles = head.headings.map((heading) => ({ ...heading, title: heading.title.replace(/\p{Surrogate}/gu, '') }));
    return { mediaType: head.mediaType, text, headings: titles, pages: head.pages };
  }

  /** Forgets what came. */
  async discard(): Promise<void> {
    await this.text?.close();
  }

  private join(): Buffer {
    const joined = Buffer.concat(this.headParts);
    this.headParts.splice(0, this.headParts.length, joined);
    return joined;
  }

  private async openHead(json: Buffer): Promise<void> {
    try {
      this.head = Head.parse(JSON.parse(json.toString('utf8')));
    } catch (error) {
      throw new BrokenResult('the head is malformed', { cause: error });
    }
    this.headParts.length = 0;
    if (!this.head.ok) return;
    if (this.head.textBytes > this.maxTextBytes) throw new BrokenResult('the text is too large');
    this.text = await TextFile.create(this.head.encoding);
  }

  private async pushText(chunk: Buffer): Promise<void> {
    if (chunk.length === 0) return;
    this.textBytes += chunk.length;
    if (this.text === null || !this.head?.ok || this.textBytes > this.head.textBytes) throw new BrokenResult('more than announced');
    if (!(await this.text.append(chunk))) throw new BrokenResult('the text is not clean');
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
