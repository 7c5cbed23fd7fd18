import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

export interface Received {
  method: string;
  path: string;
  key: string;
  body: string;
  headers: Record<string, string>;
}

/** Another company's server: answers what it is told to, and does what it is asked once per Idempotency-Key. */
export class Receiver {
  readonly received: Received[] = [];
  /** Milliseconds before each answer. */
  delayMs = 0;
  /** The status of the next answers; when none is left, 200. */
  readonly statuses: number[] = [];
  /** How a path answers instead. */
  readonly answers = new Map<string, (response: ServerResponse) => void>();
  port = 0;
  private readonly server: Server;

  private constructor() {
    this.server = createServer((request, response) => void this.answer(request, response));
  }

  static start(): Promise<Receiver> {
    const receiver = new Receiver();
    return new Promise((resolve) => {
      receiver.server.listen(0, '127.0.0.1', () => {
        receiver.port = (receiver.server.address() as { port: number }).port;
        resolve(receiver);
      });
    });
  }

  get baseUrl(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** What was done: one for each key, however often it was asked for. */
  get effects(): string[] {
    return [...new Set(this.received.map(({ path, key }) => `${path} ${key}`))];
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const part of request) body += String(part);
    const key = request.headers['idempotency-key'];
    this.received.push({
      method: request.method ?? '',
      path: request.url ?? '',
      key: typeof key === 'string' ? key : '',
      body,
      headers: request.headers as Record<string, string>,
    });
    const own = this.answers.get(request.url ?? '');
    if (own) return own(response);
    await new Promise((resolve) => setTimeout(resolve, this.delayMs));
    response.writeHead(this.statuses.shift() ?? 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ ok: true, number: this.received.length }));
  }
}
