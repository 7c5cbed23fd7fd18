import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import cookie from '@fastify/cookie';
import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import multipart from '@fastify/multipart';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { v7 as uuidv7 } from 'uuid';
import { IdempotencyKey } from '@atrium/contracts';
import type { Config } from '@atrium/platform/config';
import { Invalid } from '@atrium/platform/errors';
import { requestScope } from '@atrium/platform/observability';
import type { AtriumRequest, IdempotencyClaim } from '@atrium/platform/tenancy';
import { acceptJson, type BodyHashed } from './json-body.js';
import { shedLoad } from './load-shedder.js';
import { refuseAmbiguous } from './plain-requests.js';
import { dropSilent, hurryBodies } from './slow-clients.js';

/** Not those that our own work has, by which it is known whose run did what. */
const REQUEST_ID = /^(?!(agent-)?run-|turn-|event-|seal-)[\w.:-]{1,64}$/;
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
const MUTATING = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

/** What every request passes before it reaches a route: size, shape, ids, headers. */
export async function prepareEdge(app: NestFastifyApplication, config: Config): Promise<void> {
  const fastify = app.getHttpAdapter().getInstance();
  acceptJson(fastify);
  nameRequests(fastify);
  shedLoad(fastify);
  refuseAmbiguous(fastify);
  hurryBodies(fastify, config.REQUEST_SECONDS);
  dropSilent(fastify);
  await app.register(cookie as never);
  await app.register(multipart, {
    limits: { fileSize: config.MAX_UPLOAD_BYTES, files: 1, fields: 8, fieldSize: 32_768, parts: 10, headerPairs: 50 },
    throwFileSizeLimit: true,
  });
  allowReferencePage(fastify);
  await app.register(helmet, securityHeaders(config));
  await app.register(cors, {
    origin: allowedOrigins(config),
    credentials: true,
    maxAge: 600,
    exposedHeaders: ['X-Event-Seq', 'X-Request-Id', 'ETag', 'Idempotency-Replayed', 'RateLimit', 'Retry-After'],
  });
}

/** The reference page is the one page that this server shows: its own scripts and styles, nothing from elsewhere. */
const REFERENCE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

function allowReferencePage(fastify: FastifyInstance): void {
  fastify.addHook('onSend', (request, reply, payload, done) => {
    if (/^\/docs(\/|$|\?)/.test(request.url)) void reply.header('content-security-policy', REFERENCE_POLICY);
    done(null, payload);
  });
}

/** Origins whose pages may call this server. */
function allowedOrigins(config: Config): string[] {
  return [...(config.PUBLIC_URL ? [new URL(config.PUBLIC_URL).origin] : []), ...config.CORS_ORIGINS];
}

/** Host names that nobody's DNS can point here: an address is no name, and localhost is this machine's own. */
const NO_DNS_NAME = /^(localhost|[\d.]+|\[[\da-f:.]+\])$/;

/**
 * Whether a request may come from the page that its Origin names: one of PUBLIC_URL, of CORS_ORIGINS, or of this very address. A name is
 * believed only when it is configured, since any site can point its own name here. Browsers always send an Origin; other programs need not,
 * and cannot be made to act for a person who only visits a page. For the doors that CORS does not guard: sockets and MCP.
 */
export function originCheck(config: Config): (headers: IncomingHttpHeaders) => boolean {
  const origins = new Set(allowedOrigins(config));
  return ({ origin, host }) => {
    if (origin === undefined || origins.has(origin)) return true;
    if (host === undefined || !URL.canParse(origin)) return false;
    const page = new URL(origin);
    return page.host === host && NO_DNS_NAME.test(page.hostname);
  };
}

/** Request ids, the caller, and a scope for log lines. */
function nameRequests(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    const given = header(request.headers['x-request-id']);
    const requestId = given && REQUEST_ID.test(given) ? given : uuidv7();
    const traceparent = header(request.headers.traceparent);
    void reply.header('x-request-id', requestId).header('cache-control', 'no-store');
    if (traceparent && TRACEPARENT.test(traceparent)) void reply.header('traceparent', traceparent);
    (request as AtriumRequest).caller = {
      requestId,
      ip: request.ip,
      userAgent: header(request.headers['user-agent'])?.slice(0, 300) ?? null,
      ifMatch: header(request.headers['if-match'])?.slice(0, 500) ?? null,
      idempotency: null,
    };
    requestScope.run({ requestId }, done);
  });
  fastify.addHook('preHandler', (request, _reply, done) => {
    const atrium = request as AtriumRequest;
    try {
      atrium.caller = { ...atrium.caller, idempotency: claimOf(request) };
      done();
    } catch (error) {
      done(error as Error);
    }
  });
}

/** The claim of a mutating request's Idempotency-Key, bound to route and body. */
function claimOf(request: BodyHashed): IdempotencyClaim | null {
  const key = header(request.headers['idempotency-key']);
  if (key === undefined || !MUTATING.has(request.method)) return null;
  if (!IdempotencyKey.safeParse(key).success) {
    throw new Invalid('request.invalid', 'Idempotency-Key must be 1 to 255 visible ASCII characters.', {
      places: [{ pointer: '#Idempotency-Key', message: 'must be 1 to 255 visible ASCII characters' }],
    });
  }
  const body = request.bodyHash ?? request.headers['content-length'] ?? '';
  return {
    key,
    requestHash: createHash('sha256').update(`${request.method} ${request.url}\n${body}`).digest('hex'),
    claimed: false,
    replayed: false,
  };
}

const header = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value);

function securityHeaders(config: Config) {
  return {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"], baseUri: ["'none'"], formAction: ["'none'"], sandbox: [] },
    },
    strictTransportSecurity: config.PUBLIC_URL?.startsWith('https:') ? { maxAge: 63_072_000, includeSubDomains: true } : false,
    crossOriginResourcePolicy: { policy: 'same-site' as const },
    referrerPolicy: { policy: 'no-referrer' as const },
  };
}
