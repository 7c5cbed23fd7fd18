import { createServer, type IncomingHttpHeaders, type Server as HttpServer, type ServerResponse } from 'node:http';
import { createMcpHandler, Server } from '@modelcontextprotocol/server';

/** A tool of another company; `answer` is what a call is told. */
export interface ForeignTool {
  name: string;
  description?: string;
  inputSchema?: Record<string, unknown>;
  annotations?: Record<string, unknown>;
  answer?: (args: Record<string, unknown>) => object | Promise<object>;
}

/** Another company's MCP server, on a port of its own: its tools can become others, and it can misbehave. */
export class ForeignMcp {
  tools: ForeignTool[] = [];
  /** The calls that arrived, in order. */
  readonly calls: { tool: string; arguments: Record<string, unknown>; headers: IncomingHttpHeaders }[] = [];
  /** Answers a request of this method of the protocol in its own way. */
  instead: Partial<Record<string, (response: ServerResponse, id: unknown) => void>> = {};
  /** Without it: the revision 2026-07-28 too. */
  isOld = false;
  port = 0;
  private constructor(private readonly http: HttpServer) {}

  static start(): Promise<ForeignMcp> {
    const foreign: ForeignMcp = new ForeignMcp(createServer((request, response) => void foreign.answer(request, response)));
    return new Promise((resolve) => {
      foreign.http.listen(0, '127.0.0.1', () => {
        foreign.port = (foreign.http.address() as { port: number }).port;
        resolve(foreign);
      });
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/mcp`;
  }

  /** Breaks off every answer that is under way. */
  hangUp(): void {
    this.http.closeAllConnections();
  }

  async stop(): Promise<void> {
    this.hangUp();
    await new Promise((resolve) => this.http.close(resolve));
  }

  private async answer(request: import('node:http').IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const part of request) text += String(part);
    const body = JSON.parse(text === '' ? 'null' : text) as { method?: string; id?: unknown } | null;
    const own = this.instead[body?.method ?? ''];
    if (own) return own(response, body?.id);
    if (this.isOld && body?.method === 'server/discover') {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ jsonrpc: '2.0', id: body.id, error: { code: -32_601, message: 'Method not found' } }));
      return;
    }
    const headers = Object.fromEntries(Object.entries(request.headers).flatMap(([name, value]) => (value ? [[name, String(value)]] : [])));
    const asked = new Request(`http://127.0.0.1:${this.port}/mcp`, { method: request.method ?? 'POST', headers });
    const handler = createMcpHandler(() => this.server(request.headers));
    const answer = await handler.fetch(asked, { parsedBody: body });
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    response.end(Buffer.from(await answer.arrayBuffer()));
  }

  private server(headers: IncomingHttpHeaders): Server {
    const server = new Server({ name: 'foreign', version: '1.0.0' }, { capabilities: { tools: {} } });
    const shown = this.tools.map(({ answer: _answer, ...tool }) => ({ ...tool, inputSchema: { type: 'object', ...tool.inputSchema } }));
    server.setRequestHandler('tools/list', () => ({ tools: shown as never }));
    server.setRequestHandler('tools/call', async ({ params }) => {
      const args = params.arguments ?? {};
      this.calls.push({ tool: params.name, arguments: args, headers });
      const tool = this.tools.find(({ name }) => name === params.name);
      return ((await tool?.answer?.(args)) ?? { content: [{ type: 'text', text: 'done' }] }) as never;
    });
    return server;
  }
}
