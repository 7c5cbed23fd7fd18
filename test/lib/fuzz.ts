import { Readable } from 'node:stream';
import fc from 'fast-check';
import { Pool } from 'undici';
import { inLanes } from './lanes.js';
import { hostileText, type KnownIds, nearValid, rawBodies, valid } from './openapi-arbitrary.js';
import { AnswerChecker, type OpenApi, type Operation, operationsOf } from './openapi.js';

export interface FuzzOptions {
  baseUrl: string;
  document: OpenApi;
  /** Who calls, besides a caller without a token that is right. */
  actors: FuzzActor[];
  /** Ids that exist in their organization. */
  ids: KnownIds;
  requests: number;
  seed: number;
  /** The longest that an answer may take. Milliseconds. */
  slowMs?: number;
}

/** Somebody with a token; `renew` makes another one when the server has ended it. */
export interface FuzzActor {
  token: string;
  renew(): Promise<string>;
  renewal?: Promise<void> | undefined;
}

export interface FuzzReport {
  sent: number;
  perOperation: Record<string, number>;
  byStatus: Record<number, number>;
  slowestMs: number;
  /** What must not be, each with the request that shows it. */
  findings: string[];
}

interface FuzzRequest {
  path: string;
  headers: Record<string, string>;
  body: string | Buffer | null;
  /** Bytes sent in chunks without a length, after everything else. */
  chunkedBytes: number;
  actor: number;
}

/** Tells of what is behind: stacks, files, SQL, the mapper. */
const LEAKS =
  /\bat \S+ \(?[^ ]*:\d+:\d+\)?|node_modules|\/libs\/|\/dist\/|\.(ts|js):\d+|\bSELECT .* FROM\b|\bINSERT INTO\b|prisma|postgres|SQLSTATE|syntax error/i;
const WORKERS = 8;
/** These end the caller's session: they come last, with few credentials that are right. */
const ENDS_SESSIONS = /^(auth\.logout|auth\.logoutAll|me\.endSession|members\.remove|members\.patch)$/;

/** Sends valid, nearly valid and hostile requests to every operation and looks at every answer. The same seed sends the same requests. */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const operations = operationsOf(options.document);
  const checker = new AnswerChecker(options.document);
  const pool = new Pool(options.baseUrl, { connections: WORKERS, headersTimeout: 30_000, bodyTimeout: 30_000 });
  const report: FuzzReport = { sent: 0, perOperation: {}, byStatus: {}, slowestMs: 0, findings: [] };
  await inLanes(WORKERS, plan(options, operations), ({ operation, request }) =>
    sendOne(pool, operation, request, { ...options, checker, report }),
  );
  await pool.close();
  return report;
}

function plan({ document, ids, requests, seed }: FuzzOptions, operations: Operation[]) {
  const each = Math.ceil(requests / operations.length);
  const planned = operations.map((operation, index) => ({
    operation,
    requests: fc.sample(requestOf(document, operation, ids), { numRuns: each, seed: seed + index }),
  }));
  const flat = Array.from({ length: each }, (_, at) =>
    planned.flatMap(({ operation, requests: all }) => {
      const request = all[at];
      return request ? [{ operation, request }] : [];
    }),
  ).flat();
  return [
    ...flat.filter((item) => !ENDS_SESSIONS.test(item.operation.id)),
    ...flat.filter((item) => ENDS_SESSIONS.test(item.operation.id)),
  ];
}

function requestOf(document: OpenApi, operation: Operation, ids: KnownIds): fc.Arbitrary<FuzzRequest> {
  const parameter = (kind: 'path' | 'query') =>
    fc.record(
      Object.fromEntries(
        operation.parameters
          .filter((one) => one.in === kind)
          .map((one) => [one.name, fc.oneof({ weight: 6, arbitrary: valid(document, one.schema, ids).map(String) }, hostileText)]),
      ),
      kind === 'path' ? {} : { requiredKeys: [] },
    );
  const more = seldom(
    '',
    fc.constantFrom('limit=1&limit=2', 'a[b]=c', '__proto__=1', 'limit=%', '%00=1', 'cursor=e30', 'cursor=W10', 'orgId=1'),
  );
  const headers = seldom(
    {},
    fc.constantFrom<Record<string, string>>(
      { 'x-request-id': 'x'.repeat(500) },
      { 'idempotency-key': 'é' },
      { 'idempotency-key': 'k'.repeat(300) },
      { 'idempotency-key': 'same' },
      { 'if-match': '"nothing"' },
      { 'if-match': '*,,"' },
      { accept: 'text/html' },
      { 'accept-language': '*'.repeat(2_000) },
      { traceparent: '00-zz' },
      { range: 'bytes=5-1,-0,9999999999999999999-' },
      { range: 'bytes=0-0' },
      { 'last-event-id': '-1e9' },
      { 'x-forwarded-for': "127.0.0.1, ' OR 1=1" },
      { 'x-http-method-override': 'DELETE' },
    ),
  );
  return fc
    .record({
      path: parameter('path'),
      query: parameter('query'),
      more,
      headers,
      body: bodyOf(document, operation, ids),
      actor: fc.integer({ min: -1, max: 20 }),
      rarely: fc.nat(300),
    })
    .map(({ path, query, more: extra, headers: given, body, actor, rarely }) => ({
      path: pathOf(operation, path as Record<string, string>, query as Record<string, string>, extra),
      headers: { ...(body ? { 'content-type': body.contentType } : {}), ...given },
      body: body?.bytes ?? null,
      chunkedBytes: rarely === 0 && operation.method !== 'GET' ? 3 * 2 ** 20 : 0,
      actor,
    }));
}

/** The usual value, once in six the other. */
const seldom = <T>(usual: T, other: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight: 5, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: other });

function pathOf(operation: Operation, path: Record<string, string>, query: Record<string, string>, extra: string | null): string {
  const filled = operation.path.replace(/\{(\w+)\}/g, (_, name: string) => encoded(path[name] ?? '').slice(0, 4_000));
  const parts = [...Object.entries(query).map(([name, value]) => `${name}=${encoded(value).slice(0, 6_000)}`), ...(extra ? [extra] : [])];
  return parts.length > 0 ? `${filled}?${parts.join('&')}` : filled;
}

const encoded = (text: string) => encodeURIComponent(Buffer.from(text).toString());

function bodyOf(
  document: OpenApi,
  operation: Operation,
  ids: KnownIds,
): fc.Arbitrary<{ contentType: string; bytes: string | Buffer } | null> {
  const schema = operation.body['application/json'];
  if (operation.method === 'GET') return fc.constant(null);
  if (!schema) return seldom(null, rawBodies);
  const json = (value: unknown) => ({ contentType: 'application/json', bytes: JSON.stringify(value) ?? 'null' });
  const good = valid(document, schema, ids);
  return fc.oneof(
    { weight: 6, arbitrary: good.map(json) },
    { weight: 5, arbitrary: nearValid(good).map(json) },
    { weight: 2, arbitrary: rawBodies },
    { weight: 1, arbitrary: fc.constant(null) },
  );
}

interface Judge extends FuzzOptions {
  checker: AnswerChecker;
  report: FuzzReport;
}

async function sendOne(pool: Pool, operation: Operation, request: FuzzRequest, judge: Judge): Promise<void> {
  const { report } = judge;
  const actor = request.actor < 0 ? undefined : judge.actors[request.actor % judge.actors.length];
  const token = actor?.token ?? 'none';
  const shown = `${operation.method} ${request.path.slice(0, 300)} ${JSON.stringify(request.headers).slice(0, 200)} ${String(request.body).slice(0, 400)}`;
  const startedAt = performance.now();
  try {
    const response = await pool.request({
      method: operation.method,
      path: request.path,
      headers: { ...request.headers, authorization: `Bearer ${token}` },
      body: request.chunkedBytes > 0 ? Readable.from(chunks(request.chunkedBytes)) : request.body,
    });
    const text = await response.body.text();
    const ms = performance.now() - startedAt;
    report.sent += 1;
    report.perOperation[operation.id] = (report.perOperation[operation.id] ?? 0) + 1;
    report.byStatus[response.statusCode] = (report.byStatus[response.statusCode] ?? 0) + 1;
    report.slowestMs = Math.max(report.slowestMs, Math.round(ms));
    const fault = faultOf(operation, request, response.statusCode, response.headers, text, ms, judge);
    if (fault) report.findings.push(`${fault}\n  ${shown}\n  ${response.statusCode} ${text.slice(0, 300)}`);
    if (response.statusCode === 401 && actor?.token === token && operation.permission !== 'public') await renew(actor);
  } catch (error) {
    report.sent += 1;
    // The server may end a connection whose body it will not read; the client then sees the answer or the end, whichever was first.
    if (request.chunkedBytes > 0 && /EPIPE|ECONNRESET|other side closed/.test(`${String(error)}${String((error as Error).cause)}`)) return;
    report.findings.push(`no answer: ${String(error)}\n  ${shown}`);
  }
}

/** Once, however many find out at the same time. */
async function renew(actor: FuzzActor): Promise<void> {
  actor.renewal ??= actor.renew().then((token) => {
    actor.token = token;
    actor.renewal = undefined;
  });
  await actor.renewal;
}

async function* chunks(bytes: number) {
  const piece = Buffer.alloc(65_536, 0x20);
  for (let sent = 0; sent < bytes; sent += piece.length) yield await Promise.resolve(piece);
}

type Headers = Record<string, string | string[] | undefined>;

function faultOf(
  operation: Operation,
  request: FuzzRequest,
  status: number,
  headers: Headers,
  text: string,
  ms: number,
  judge: Judge,
): string | null {
  const contentType = String(headers['content-type'] ?? '');
  if (status >= 500 && !isShedding(status, text)) return `${operation.id}: ${status}`;
  if (ms > (judge.slowMs ?? 15_000)) return `${operation.id}: ${Math.round(ms)} ms`;
  const sent = `${request.path}${String(request.body)}`;
  const leak = LEAKS.exec(status >= 400 ? text : '')?.[0];
  if (leak && !sent.includes(leak) && !decodeURIComponent(request.path.replace(/%(?![0-9a-f]{2})/gi, '%25')).includes(leak))
    return `${operation.id}: tells "${leak}"`;
  if (headers['x-injected'] !== undefined) return `${operation.id}: a header was injected`;
  // Another route, such as the list for an empty id: only the general form can be looked at.
  const isRouted = !/\/(\?|$|\/)/.test(request.path);
  if (status >= 400 && !isFailure(request.path, contentType)) return `${operation.id}: ${status} as ${contentType}`;
  const mismatch = isRouted ? judge.checker.faultOf(operation, status, contentType, text) : null;
  return mismatch && `${operation.id}: ${mismatch}`;
}

/** Failures are problems; of the door for clients of the OpenAI API they have another shape. */
export const isFailure = (path: string, contentType: string): boolean =>
  contentType.startsWith(path.startsWith('/openai/') ? 'application/json' : 'application/problem+json');

/** A server that is busy may say so, once it says how long. */
const isShedding = (status: number, text: string) => status === 503 && text.includes('"request.overloaded"');
