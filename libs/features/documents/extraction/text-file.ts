import { randomUUID } from 'node:crypto';
import { readSync } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import type { TextView } from './extraction.js';

/** How much of the text is in memory, and how much of that stands before the place that was asked for. Code units. */
const WINDOW = 65_536;
const BEHIND = 4_096;

export type TextEncoding = 'latin1' | 'utf16le';

/** A text on this machine's disk, in a file without a name, of which a window is in memory. Written once from its beginning, then read. */
export class TextFile implements TextView {
  private bytes = 0;
  private windowStart = 0;
  private window = '';
  private readonly decoder: StringDecoder;

  private constructor(
    private readonly file: FileHandle,
    private readonly encoding: TextEncoding,
  ) {
    this.decoder = new StringDecoder(encoding);
  }

  static async create(encoding: TextEncoding): Promise<TextFile> {
    const path = join(tmpdir(), `atrium-text-${randomUUID()}`);
    const file = await open(path, 'wx+', 0o600);
    await rm(path);
    return new TextFile(file, encoding);
  }

  get length(): number {
    return this.bytes / this.unitBytes;
  }

  /** Appends bytes in the encoding of the file. Answers whether the text is clean so far: no NUL, no lone surrogate. */
  async append(bytes: Buffer): Promise<boolean> {
    if (/\0|\p{Surrogate}/u.test(this.decoder.write(bytes))) return false;
    for (let done = 0; done < bytes.length;)
      done += (await this.file.write(bytes, done, bytes.length - done, this.bytes + done)).bytesWritten;
    this.bytes += bytes.length;
    return true;
  }

  /** Whether it ends with a whole character. */
  isWhole(): boolean {
    return this.decoder.end() === '';
  }

  charCodeAt(at: number): number {
    if (!this.isInWindow(at, at + 1)) {
      this.windowStart = Math.max(0, at - BEHIND);
      this.window = this.read(this.windowStart, this.windowStart + WINDOW);
    }
    return this.window.charCodeAt(at - this.windowStart);
  }

  slice(start: number, end: number): string {
    if (this.isInWindow(start, end)) return this.window.slice(start - this.windowStart, end - this.windowStart);
    return this.read(start, end);
  }

  close(): Promise<void> {
    return this.file.close();
  }

  private get unitBytes(): number {
    return this.encoding === 'latin1' ? 1 : 2;
  }

  private isInWindow(start: number, end: number): boolean {
    return start >= this.windowStart && end <= this.windowStart + this.window.length;
  }

  private read(start: number, end: number): string {
    const from = start * this.unitBytes;
    const wanted = Buffer.allocUnsafe(Math.max(0, Math.min(end * this.unitBytes, this.bytes) - from));
    for (let done = 0; done < wanted.length;) done += readSync(this.file.fd, wanted, done, wanted.length - done, from + done);
    return wanted.toString(this.encoding);
  }
}
