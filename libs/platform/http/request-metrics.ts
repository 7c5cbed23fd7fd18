import type { FastifyInstance } from 'fastify';
import type { Log, Metrics } from '@atrium/platform/observability';

/** Milliseconds after which a request is logged as slow. */
const SLOW_MS = 1_000;

/** Counts and times each request by its route pattern. */
export function measureRequests(fastify: FastifyInstance, metrics: Metrics, log: Log): void {
  fastify.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'none';
    metrics.requests.observe({ method: request.method, route, status: String(reply.statusCode) }, reply.elapsedTime / 1_000);
    const fields = { method: request.method, route, status: reply.statusCode, durationMs: Math.round(reply.elapsedTime) };
    if (reply.elapsedTime > SLOW_MS && !route.startsWith('/v1/events')) log.warn('slow request', fields);
    else log.debug('request', fields);
    done();
  });
}
