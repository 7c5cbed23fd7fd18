import { createServer, request, type Server } from 'node:http';

/** A way to a server for clients that cannot sign in: gives every request this credential, and changes nothing else. */
export class SigningProxy {
  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  static async start(target: string, token: string): Promise<SigningProxy> {
    const server = createServer((asked, reply) => {
      const options = { method: asked.method, headers: { ...asked.headers, authorization: `Bearer ${token}` } };
      const forwarded = request(new URL(asked.url ?? '/', target), options, (answer) => {
        reply.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(reply);
      });
      forwarded.on('error', () => reply.destroy());
      reply.on('close', () => forwarded.destroy());
      asked.pipe(forwarded);
    });
    const port = await new Promise<number>((resolve) =>
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address ? address.port : 0);
      }),
    );
    return new SigningProxy(server, port);
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}
