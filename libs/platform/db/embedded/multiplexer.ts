import { createServer, type Server } from 'node:net';
import { Connection } from './connection.js';
import type { Engine } from './engine.js';
import { LoginCheck } from './login-check.js';

/** Serves one database session to many PostgreSQL clients on the loopback interface. */
export class Multiplexer {
  private readonly server: Server;
  private readonly connections = new Set<Connection>();
  private lastId = 0;

  constructor(engine: Engine, options: { logins: Record<string, string>; idleInTransactionMs: number }) {
    const logins = new LoginCheck(options.logins);
    this.server = createServer((socket) => {
      const { idleInTransactionMs } = options;
      const connection = new Connection(socket, engine, { id: ++this.lastId, logins, idleInTransactionMs });
      this.connections.add(connection);
      void connection.gone.then(() => this.connections.delete(connection));
    });
  }

  /** @returns the port. */
  listen(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen({ host: '127.0.0.1', port: 0 }, () => {
        const address = this.server.address();
        resolve(address && typeof address === 'object' ? address.port : 0);
      });
    });
  }

  /** Ends every connection; open transactions are rolled back. */
  async close(): Promise<void> {
    this.server.close();
    const open = [...this.connections];
    for (const connection of open) connection.end();
    await Promise.all(open.map((connection) => connection.gone));
  }
}
