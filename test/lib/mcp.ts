import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import type { Problem } from '@atrium/contracts';
import type { Api } from './api.js';

/** `auto` finds out the newest revision that both know, `legacy` speaks as clients did before 2026-07-28. */
export type McpMode = 'auto' | 'legacy';

/** What a tool answered: its result, or the problem that it became. */
export type ToolAnswer<T> = { result: T; problem?: undefined } | { result?: undefined; problem: Problem };

/** An MCP client of the official SDK, signed in as the owner of the token. */
export class McpCaller {
  private constructor(readonly client: Client) {}

  static async connect({ token, baseUrl }: Pick<Api, 'token' | 'baseUrl'>, mode: McpMode = 'auto'): Promise<McpCaller> {
    const client = new Client({ name: 'test', version: '1.0.0' }, { versionNegotiation: { mode } });
    const authProvider = { token: () => Promise.resolve(token ?? undefined) };
    await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', baseUrl), { authProvider }));
    return new McpCaller(client);
  }

  get revision(): string | undefined {
    return this.client.getNegotiatedProtocolVersion();
  }

  async tools(): Promise<string[]> {
    return (await this.client.listTools()).tools.map(({ name }) => name);
  }

  /** The result of a call that works. */
  async call<T>(name: string, args: Record<string, unknown> = {}): Promise<T> {
    const { result, problem } = await this.ask<T>(name, args);
    if (problem) throw new Error(`${name}: ${JSON.stringify(problem)}`);
    return result;
  }

  /** The problem of a call that does not. */
  async problem(name: string, args: Record<string, unknown> = {}): Promise<Problem> {
    const { result, problem } = await this.ask(name, args);
    if (!problem) throw new Error(`${name} worked: ${JSON.stringify(result)}`);
    return problem;
  }

  async ask<T>(name: string, args: Record<string, unknown>): Promise<ToolAnswer<T>> {
    const { isError, content, structuredContent } = await this.client.callTool({ name, arguments: args });
    const [text] = content;
    const said = JSON.parse(text?.type === 'text' ? text.text : 'null') as unknown;
    return isError ? { problem: said as Problem } : { result: structuredContent as T };
  }

  close(): Promise<void> {
    return this.client.close();
  }
}

/** One HTTP request to the door, as no client of the SDK would send it. */
export function rawMcp(
  { token, baseUrl }: Pick<Api, 'token' | 'baseUrl'>,
  body: string,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(new URL('/mcp', baseUrl), {
    method: 'POST',
    headers: {
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    body,
  });
}
