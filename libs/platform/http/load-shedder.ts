import type { FastifyInstance } from 'fastify';
import { Unavailable } from '@atrium/platform/errors';

const CHECK_MS = 200;
/** A loop that is later than this twice in a row answers 503 until it has caught up: once is one long piece of work. Milliseconds. */
const MAX_LAG_MS = 1_000;

/** What watches the server is answered always. */
const WATCHED = /^\/(healthz|readyz|health|metrics)(\?|$)/;

/** Sheds load when the event loop lags. */
export function shedLoad(fastify: FastifyInstance): void {
  let last = performance.now();
  let late = 0;
  const timer = setInterval(() => {
    const now = performance.now();
    late = now - last - CHECK_MS > MAX_LAG_MS ? late + 1 : 0;
    last = now;
  }, CHECK_MS);
  timer.unref();
  fastify.addHook('onClose', () => {
    clearInterval(timer);
  });
  fastify.addHook('onRequest', (request, _reply, done) => {
    if (late < 2 || WATCHED.test(request.url)) done();
    else done(new Unavailable('request.overloaded', 'The server is busy. Try again in a moment.', { retryAfterSeconds: 1 }));
  });
}
