import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

/** A server of this demo on a free port: a company's system, or a model. */
export class StandIn {
  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async start(answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>): Promise<StandIn> {
    const server = createServer((request, response) => void answer(request, response).catch(() => response.destroy()));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new StandIn(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  }

  stop(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}

/** What the model says next: text, or a call of a tool. */
export type Line = string | { tool: string; arguments: object };
interface ModelRequest {
  messages: { role: string }[];
  tools?: unknown[];
}

/** Plays a fixed part in place of a model, by OpenAI's chat completions: its next line follows from how many calls of tools were answered. */
export const startModel = (part: Line[], aside: string): Promise<StandIn> =>
  StandIn.start(async (request, response) => {
    const { messages, tools = [] } = (await json(request)) as ModelRequest;
    const line = tools.length === 0 ? aside : (part[messages.filter(({ role }) => role === 'tool').length] ?? aside);
    const choice =
      typeof line === 'string'
        ? { delta: { content: line }, finish_reason: 'stop' }
        : {
            delta: {
              tool_calls: [
                { index: 0, id: 'call', type: 'function', function: { name: line.tool, arguments: JSON.stringify(line.arguments) } },
              ],
            },
            finish_reason: 'tool_calls',
          };
    const chunk = { id: 'line', object: 'chat.completion.chunk', created: 0, model: 'stand-in', choices: [{ index: 0, ...choice }] };
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(`data: ${JSON.stringify(chunk)}\n\ndata: [DONE]\n\n`);
  });

/** A supplier's order system: one order for each Idempotency-Key. It does not answer its first caller, who is gone by then. */
export class Supplier {
  /** The keys of all calls. */
  readonly calls: string[] = [];
  private readonly server: Promise<StandIn>;
  private heard: () => void = () => undefined;
  readonly firstCall = new Promise<void>((resolve) => (this.heard = resolve));

  constructor() {
    this.server = StandIn.start((request, response) => {
      this.calls.push(String(request.headers['idempotency-key']));
      this.heard();
      if (this.calls.length > 1) response.writeHead(201, { 'content-type': 'application/json' }).end('{"order":"S-1041"}');
      return Promise.resolve();
    });
  }

  get orders(): number {
    return new Set(this.calls).size;
  }

  async url(): Promise<string> {
    return (await this.server).url;
  }

  async stop(): Promise<void> {
    (await this.server).stop();
  }
}
