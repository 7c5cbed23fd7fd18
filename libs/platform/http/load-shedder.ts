import type { FastifyInstance } from 'fastify';
import { Unavailable } from '@atrium/platform/errors';

const CHECK_MS = 200;
/** A loop that is later than this answers 503 until it has caught up. Milliseconds. */
const MAX_LAG_MS = 1_000;

/** Sheds load when the event loop lags; health routes are answered always. */
export function shedLoad(fastify: FastifyInstance): void {
  let last = performance.now();
  let lagging = false;
  const timer = setInterval(() => {
    const now = performance.now();
    lagging = now - last - CHECK_MS > MAX_LAG_MS;
    last = now;
  }, CHECK_MS);
  timer.unref();
  fastify.addHook('onClose', () => {
    clearInterval(timer);
  });
  fastify.addHook('onRequest', (request, _reply, done) => {
    if (!lagging || request.url.startsWith('/healthz') || request.url.startsWith('/readyz')) done();
    else done(new Unavailable('request.overloaded', 'The server is busy. Try again in a moment.', { retryAfterSeconds: 1 }));
  });
}
