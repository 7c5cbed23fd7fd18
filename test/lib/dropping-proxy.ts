import { connect, createServer, type Server, type Socket } from 'node:net';

/** A way to a server on which every answer gets lost: requests arrive and are carried out, and the connection breaks at the first byte back. */
export class DroppingProxy {
  private constructor(
    private readonly server: Server,
    readonly baseUrl: string,
  ) {}

  static async start(target: string): Promise<DroppingProxy> {
    const { hostname, port } = new URL(target);
    const server = createServer((client: Socket) => {
      const upstream = connect(Number(port), hostname);
      client.pipe(upstream);
      upstream.once('data', () => {
        client.resetAndDestroy();
        upstream.destroy();
      });
      for (const socket of [client, upstream]) socket.on('error', () => undefined);
    });
    const at = await new Promise<number>((resolve) =>
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address ? address.port : 0);
      }),
    );
    return new DroppingProxy(server, `http://127.0.0.1:${at}`);
  }

  stop(): Promise<void> {
    return new Promise((resolve) => this.server.close(() => resolve()));
  }
}
