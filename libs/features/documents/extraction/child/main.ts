import { writeSync } from 'node:fs';
import type { Extraction, ExtractionLimits } from '../extraction.js';
import { ExtractionFailed } from '../extraction-failed.js';
import { isLatin1, readDocument } from './read-document.js';

/** File descriptors that the parent opens: the document, and the pipe for the result. */
const DOCUMENT_FD = 3;
const RESULT_FD = 4;

/** Four bytes of length, the head as JSON, the text in the encoding that the head names (see result-reader.ts). */
function send(head: object, text: Buffer): void {
  const json = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(json.length);
  for (const part of [length, json, text]) sendAll(part);
}

function sendAll(part: Buffer): void {
  let sent = 0;
  while (sent < part.length) {
    try {
      sent += writeSync(RESULT_FD, part, sent, Math.min(part.length - sent, 65_536));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
    }
  }
}

function sendExtraction({ text, ...head }: Extraction): void {
  const encoding = isLatin1(text) ? 'latin1' : 'utf16le';
  const bytes = Buffer.from(text, encoding);
  send({ ok: true, ...head, encoding, textBytes: bytes.length }, bytes);
}

async function main(): Promise<void> {
  const [fileName = '', claimed = '', limits = '{}'] = process.argv.slice(2);
  try {
    const source = { fd: DOCUMENT_FD, fileName, claimedMediaType: claimed === '' ? null : claimed };
    sendExtraction(await readDocument(source, JSON.parse(limits) as ExtractionLimits));
  } catch (error) {
    const failure =
      error instanceof ExtractionFailed
        ? error
        : new ExtractionFailed('corrupt', 'The file is damaged and cannot be read; save it again and upload the new file.');
    if (failure !== error) process.stderr.write(error instanceof Error ? (error.stack ?? error.message) : 'unknown');
    send({ ok: false, code: failure.code, message: failure.message }, Buffer.alloc(0));
  }
  process.exit(0);
}

void main();
