import { createServer, type RequestListener } from 'node:http';
import type { Config } from '@atrium/platform/config';
import { boundConnections } from './connections.js';
import { inTurn } from './in-turn.js';
import { refuseConnection } from './slow-clients.js';
import { endUnread } from './unread-answers.js';

/** How long a connection may stand between two requests. Milliseconds. */
const KEEP_ALIVE_MS = 72_000;

/**
 * Options that give Fastify its server: headers that trickle end after REQUEST_SECONDS, an open connection without any too; so many connections
 * of an address and in all; requests of one connection in turn; answers that nobody takes are ended. Slow bodies are `hurryBodies`'.
 */
export const serverOptions = (config: Config) => ({
  clientErrorHandler: refuseConnection,
  serverFactory: (handler: RequestListener) => {
    const seconds = config.REQUEST_SECONDS;
    const timeouts = {
      headersTimeout: seconds * 1_000,
      connectionsCheckingInterval: Math.min(5_000, seconds * 500),
      keepAliveTimeout: KEEP_ALIVE_MS,
      requestTimeout: 0,
    };
    const server = createServer(timeouts, inTurn(handler));
    boundConnections(server, config);
    endUnread(server, seconds);
    return server;
  },
});
