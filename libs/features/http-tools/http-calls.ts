import { Injectable } from '@nestjs/common';
import { DomainError, Forbidden, Invalid, Unavailable } from '@atrium/platform/errors';
import type { JsonObject } from '@atrium/platform/events';
import { SafeFetch } from '@atrium/platform/http';
import {
  boundedText,
  boundedValue,
  CallPlaces,
  checkerOf,
  type ForeignAnswer,
  oneLine,
  wasNotSent,
  withoutCredential,
} from '@atrium/platform/tools';
import { HttpToolCredentials } from './credentials.js';
import { isBodiless } from './definition.js';
import { definitionOf, type HttpToolRow } from './http-tool.js';
import { filledUrl, placeholdersOf } from './url-template.js';

const CALL_MS = 30_000;
/** More than is shown of the longest text. */
const MAX_BYTES = 262_144;
const ACCEPT = 'application/json, text/*;q=0.9';

/** What a system answered, bounded. */
export interface Heard {
  status: number;
  contentType: string;
  /** Null of what is neither JSON nor text. */
  text: string | null;
  /** The same for programs; null where it is no JSON, or too much of it. */
  structured: ForeignAnswer['structured'];
}

/**
 * Calls of HTTP tools, by SafeFetch: public addresses only, 30 seconds in all, the first 256 KiB of an answer. Redirects are followed
 * where a GET only reads, so that what does something goes nowhere else, and nobody wonders whether it was done.
 */
@Injectable()
export class HttpCalls {
  private readonly places = new CallPlaces('http-tools.busy', 'HTTP tools');

  constructor(
    private readonly outbound: SafeFetch,
    private readonly credentials: HttpToolCredentials,
  ) {}

  /**
   * `begin` is called when nothing but the system itself can fail any more, and names the call. Not inside a transaction.
   * @throws Invalid `tools.invalid_arguments`, QuotaExceeded `http-tools.busy`, Forbidden `outbound.refused`, what `begin` throws, and
   * Unavailable `http-tools.failed`, of which the parameter `sent` tells whether the call may have happened
   */
  make(row: HttpToolRow, args: JsonObject, begin: () => Promise<string>): Promise<Heard> {
    const credential = this.credentials.headersOf(row);
    const { url, headers, body } = prepared(row, args);
    return this.places.within(row.orgId, async () => {
      const key = await begin();
      try {
        const response = await this.outbound.fetch(url, {
          method: row.method,
          headers: { ...headers, ...credential, ...(row.effect === 'reads' ? {} : { 'idempotency-key': key }) },
          ...(body === null ? {} : { body }),
          maxBytes: MAX_BYTES,
          beyond: 'cut',
          redirects: row.method === 'GET' && row.effect === 'reads' ? 'follow' : 'answer',
          timeoutMs: CALL_MS,
        });
        return heard(response.status, response.headers, withoutCredential(response.body, credential).toString('utf8'));
      } catch (error) {
        throw error instanceof DomainError ? failure(row, error) : error;
      }
    });
  }
}

function prepared(row: HttpToolRow, args: JsonObject): { url: string; headers: Record<string, string>; body: string | null } {
  const { inputSchema, url: template, headers } = definitionOf(row);
  const places = checkerOf(inputSchema)(args);
  if (places.length > 0) throw new Invalid('tools.invalid_arguments', 'The arguments do not have the documented form.', { places });
  const { path, query } = placeholdersOf(template);
  const isOfBody = (name: string) => !path.includes(name) && !query.includes(name);
  const hasBody = !isBodiless(row.method) && Object.keys(inputSchema['properties'] ?? {}).some(isOfBody);
  return {
    url: filledUrl(template, args),
    headers: {
      accept: ACCEPT,
      ...headers,
      ...(hasBody ? { 'content-type': 'application/json' } : {}),
    },
    body: hasBody ? JSON.stringify(Object.fromEntries(Object.entries(args).filter(([name]) => isOfBody(name)))) : null,
  };
}

function heard(status: number, headers: Record<string, string>, body: string): Heard {
  const contentType = oneLine(headers['content-type'] ?? '', 200);
  const isPlain = ['identity', undefined].includes(headers['content-encoding']);
  const isJson = /^application\/([\w.-]+\+)?json\b/i.test(contentType);
  const isRead = body === '' || (isPlain && (isJson || /^text\//i.test(contentType)));
  return { status, contentType, text: isRead ? boundedText(body) : null, structured: isRead && isJson ? boundedValue(parsed(body)) : null };
}

/** Undefined of what is no JSON, or was cut. */
function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function failure({ name }: HttpToolRow, error: DomainError): DomainError {
  if (error.code === 'outbound.refused')
    return new Forbidden(
      'outbound.refused',
      `The address of the HTTP tool ${name} may not be called from here, or leads to one that may not, unless the operator allows it (OUTBOUND_ALLOW).`,
    );
  const isLate = error.options.params?.['reason'] === 'timeout';
  const what = isLate ? `did not answer within ${CALL_MS / 1_000} seconds.` : 'cannot be reached, or broke off.';
  return new Unavailable('http-tools.failed', `The system of the HTTP tool ${name} ${what}`, { params: { sent: !wasNotSent(error) } });
}
