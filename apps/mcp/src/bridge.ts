import { type JSONRPCMessage, type RequestId, SdkHttpError, type Transport } from '@modelcontextprotocol/client';

/** The server's error code of JSON-RPC for what has no code of its own. */
const SERVER_ERROR = -32_000;

interface Waiting {
  method: string;
  abort: AbortController;
}

/**
 * Passes messages between a client and a server as they are, so that both settle revision and capabilities by themselves. A request that
 * cannot be passed on, or whose answer is lost, is answered with an error that says what to do; the next one is tried afresh.
 */
export class Bridge {
  private readonly waiting = new Map<RequestId, Waiting>();
  private lastFailure = '';

  /** `explain` puts a failure into words; `warn` is told of each failure that is not the one before. */
  constructor(
    private readonly client: Transport,
    private readonly server: Transport,
    private readonly explain: (error: unknown) => string,
    private readonly warn: (words: string) => void,
  ) {}

  async start(): Promise<void> {
    Object.assign(this.client, {
      onmessage: (message: JSONRPCMessage) => void this.toServer(message),
      onerror: (error: Error) => this.warn(`A message of the client could not be read: ${error.message}`),
      onclose: () => void this.server.close(),
    } satisfies Partial<Transport>);
    Object.assign(this.server, { onmessage: (message: JSONRPCMessage) => void this.toClient(message) } satisfies Partial<Transport>);
    await this.server.start();
    await this.client.start();
  }

  private async toServer(message: JSONRPCMessage): Promise<void> {
    if (!('method' in message)) return;
    if ('id' in message) return this.ask(message);
    if (message.method === 'notifications/cancelled') return this.cancel(message.params?.['requestId'] as RequestId);
    await this.server.send(message).catch((error: unknown) => this.tell(this.explain(error)));
  }

  private async ask(request: JSONRPCMessage & { id: RequestId; method: string }): Promise<void> {
    const waiting = { method: request.method, abort: new AbortController() };
    this.waiting.set(request.id, waiting);
    const lost = (error: unknown) => this.waiting.get(request.id) === waiting && void this.fail(request.id, error);
    await this.server
      .send(request, { requestSignal: waiting.abort.signal, onRequestStreamEnd: () => lost(new Error('the answer broke off')) })
      .catch(lost);
  }

  /** Over HTTP a call is cancelled by its connection: the other end sees that nobody waits any more. */
  private cancel(id: RequestId): void {
    this.waiting.get(id)?.abort.abort();
    this.waiting.delete(id);
  }

  private async toClient(message: JSONRPCMessage): Promise<void> {
    if (!('method' in message) && message.id !== undefined) {
      if (this.waiting.get(message.id)?.method === 'initialize' && 'result' in message)
        this.server.setProtocolVersion?.(String(message.result['protocolVersion']));
      this.waiting.delete(message.id);
      this.lastFailure = '';
    }
    await this.client.send(message).catch(() => undefined);
  }

  private async fail(id: RequestId, error: unknown): Promise<void> {
    this.waiting.delete(id);
    const words = this.explain(error);
    this.tell(words);
    const status = error instanceof SdkHttpError ? { data: { status: error.status } } : {};
    await this.client.send({ jsonrpc: '2.0', id, error: { code: SERVER_ERROR, message: words, ...status } }).catch(() => undefined);
  }

  private tell(words: string): void {
    if (words !== this.lastFailure) this.warn(words);
    this.lastFailure = words;
  }
}
