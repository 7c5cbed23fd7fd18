import type { IncomingMessage } from 'node:http';
import { finished, type Readable } from 'node:stream';
import { promisify } from 'node:util';
import type { Multipart, MultipartFile, MultipartValue } from '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { judged, MAX_ISSUE_TEXT } from '@atrium/contracts';
import { DomainError, Invalid, pointerTo } from '@atrium/platform/errors';

/** A file on its way in: `source` must be read before the next part comes. */
export interface IncomingFile {
  source: Readable;
  fileName: string | undefined;
  mediaType: string | undefined;
}

/** How long the rest of a refused upload is read for, so that the client sees the answer. Milliseconds. */
const DRAIN_MS = 5_000;

/**
 * Reads a multipart form with one file named `file` and plain fields before or after it. The file goes to `store` as it comes, and is
 * never held in memory. What `store` kept stays when a later part is at fault: the caller clears up.
 * @throws Invalid `documents.file_missing`, `documents.several_files`, `documents.upload_broken`, `request.invalid`; what `store` throws.
 */
export async function readForm<T>(
  request: FastifyRequest,
  maxFileBytes: number,
  store: (file: IncomingFile) => Promise<T>,
): Promise<{ stored: T; fields: Record<string, string> }> {
  const fields = new Map<string, string>();
  let stored: { value: T } | null = null;
  try {
    // One byte and one file more than is allowed, so that the excess is seen and named.
    for await (const part of request.parts({ limits: { fileSize: maxFileBytes + 1, files: 2 } }) as AsyncIterable<Multipart>) {
      if (part.type === 'field') addField(fields, part);
      else stored = { value: await receive(part, stored !== null, store) };
    }
  } catch (error) {
    await drain(request.raw);
    throw isOfTheForm(error) ? broken(error) : error;
  }
  if (!stored) throw at('documents.file_missing', '/file', 'is missing');
  return { stored: stored.value, fields: Object.fromEntries(fields) };
}

/**
 * Judges fields as the validation of JSON bodies would.
 * @throws Invalid `request.invalid` with each faulty place.
 */
export function fitting<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const parsed = judged(schema, value);
  if (parsed.success) return parsed.data;
  const places = parsed.error.issues.slice(0, 50).map(({ path, message }) => ({
    pointer: pointerTo(path),
    message: message.slice(0, MAX_ISSUE_TEXT),
  }));
  const [first] = places;
  throw new Invalid('request.invalid', `The request does not have the documented form: ${first?.pointer || 'it'} ${first?.message ?? ''}`, {
    places,
  });
}

async function receive<T>(part: MultipartFile, isSecond: boolean, store: (file: IncomingFile) => Promise<T>): Promise<T> {
  if (part.fieldname !== 'file') throw at('request.invalid', `/${part.fieldname.slice(0, 100)}`, 'must not be a file');
  if (isSecond) throw at('documents.several_files', '/file', 'must be one file');
  let failure: Error | null = null;
  part.file.on('error', (error) => (failure = error));
  try {
    return await store({ source: part.file, fileName: part.filename, mediaType: part.mimetype });
  } catch (error) {
    // Storing destroys the stream, but with no error of the stream's own.
    throw failure && failure === error ? broken(error) : error;
  }
}

function addField(fields: Map<string, string>, part: MultipartValue): void {
  const name = part.fieldname.slice(0, 100);
  if (part.fieldnameTruncated || part.valueTruncated) throw at('request.invalid', `/${name}`, 'is too long');
  if (name === 'file') throw at('documents.file_missing', '/file', 'must be a file with a file name');
  if (fields.has(name)) throw at('request.invalid', `/${name}`, 'must be given once');
  // A part of type application/json arrives parsed.
  fields.set(name, typeof part.value === 'string' ? part.value : JSON.stringify(part.value));
}

function at(code: 'request.invalid' | 'documents.file_missing' | 'documents.several_files', pointer: string, message: string): Invalid {
  const sentence = `The upload does not have the documented form: ${pointer.slice(1)} ${message}.`;
  return new Invalid(code, sentence, { places: [{ pointer, message }] });
}

const broken = (cause: unknown) =>
  new Invalid('documents.upload_broken', 'The upload ended early or is not well-formed. Send it again.', { cause });

/** Errors of the parser are plain errors or carry its own codes; those of the disk carry errno. */
function isOfTheForm(error: unknown): boolean {
  if (error instanceof DomainError || !(error instanceof Error)) return false;
  const { code, errno, statusCode } = error as NodeJS.ErrnoException & { statusCode?: number };
  if (statusCode !== undefined && statusCode !== 413 && statusCode < 500) return true;
  return (
    code === 'FST_PREMATURE_CLOSE' ||
    (errno === undefined && /multipart|terminated early|part header|premature|aborted|boundary|needle/i.test(error.message))
  );
}

async function drain(raw: IncomingMessage): Promise<void> {
  raw.unpipe();
  raw.resume();
  if (raw.readableEnded || raw.destroyed) return;
  await promisify(finished)(raw, { writable: false, signal: AbortSignal.timeout(DRAIN_MS) }).catch(() => undefined);
}
