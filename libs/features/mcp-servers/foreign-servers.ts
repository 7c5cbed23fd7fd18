import { Injectable } from '@nestjs/common';
import { Client, type JsonSchemaValidator, ProtocolError, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { VERSION } from '@atrium/platform/config';
import { DomainError, Forbidden, Unavailable } from '@atrium/platform/errors';
import { SafeFetch } from '@atrium/platform/http';
import { boundedText, boundedValue, CallPlaces, type ForeignAnswer, oneLine, wasNotSent, withoutCredential } from '@atrium/platform/tools';
import { McpCredentials } from './credentials.js';
import type { McpServerRow } from './mcp-server.js';
import { type FoundTool, foundTool } from './server-tool.js';

/** How long a visit may take, everything together. Milliseconds. */
const VISIT_MS = 30_000;
const MIB = 1_048_576;
const MAX_ANSWER_BYTES = 2 * MIB;
/** Of one visit, all answers together: those before the call, and with it. */
const MAX_VISIT_BYTES = { before: 6 * MIB, all: 8 * MIB };
const MAX_PAGES = 20;
/** Of one visit, all pages and the call. */
const MAX_REQUESTS = 40;
const MAX_TOOLS = 200;
/** Names that a server may give its tools; others are passed over. */
const TOOL_NAME = /^[\x21-\x7e]{1,128}$/;
/** One visit to a server: asked for its tools, or for one call too. */
export interface Visit {
  tools(): Promise<FoundTool[]>;
  /**
   * Makes the call, named by `callId`.
   * @throws Unavailable `mcp-servers.tool_failed`, Forbidden `outbound.refused`, and Unavailable `mcp-servers.failed`, of which the parameter
   * `sent` tells whether the call may have happened
   */
  call(tool: FoundTool, args: Record<string, unknown>, callId: string): Promise<ForeignAnswer>;
}

/**
 * Servers of others, by MCP over Streamable HTTP in both revisions. Everything goes through SafeFetch: public addresses only, answers of at
 * most 2 MiB, 8 MiB and 30 seconds in all. Nothing of what they say appears in an error but what a tool says of its own failure.
 */
@Injectable()
export class ForeignServers {
  private readonly places = new CallPlaces('mcp-servers.busy', 'MCP servers');

  constructor(
    private readonly outbound: SafeFetch,
    private readonly credentials: McpCredentials,
  ) {}

  /**
   * Opens a visit and ends it. Not inside a transaction.
   * @throws Unavailable `mcp-servers.failed`, Forbidden `outbound.refused`, QuotaExceeded `mcp-servers.busy`, and what `fn` throws
   */
  async visit<T>(server: McpServerRow, fn: (visit: Visit) => Promise<T>): Promise<T> {
    const credential = this.credentials.headersOf(server);
    return this.places.within(server.orgId, async () => {
      const line = new Line(this.outbound, server, credential);
      try {
        await line.open();
        return await fn(line);
      } finally {
        line.end();
      }
    });
  }
}

class Line implements Visit {
  private readonly late = AbortSignal.timeout(VISIT_MS);
  private readonly over = new AbortController();
  private readonly client = new Client(
    { name: 'atrium', version: VERSION },
    { versionNegotiation: { mode: 'auto' }, capabilities: {}, jsonSchemaValidator: { getValidator: unchecked } },
  );
  private readonly transport: StreamableHTTPClientTransport;
  private callId: string | null = null;
  /** What became of the last request, in our own words. */
  private fault: DomainError | null = null;
  private status = 0;
  private requests = 0;
  private bytes = 0;

  constructor(
    private readonly outbound: SafeFetch,
    private readonly server: McpServerRow,
    private readonly credential: Record<string, string>,
  ) {
    this.transport = new StreamableHTTPClientTransport(new URL(server.url), {
      fetch: (url, init) => this.fetch(url, init),
      reconnectionOptions: { maxRetries: 0, initialReconnectionDelay: 1, maxReconnectionDelay: 1, reconnectionDelayGrowFactor: 1 },
    });
  }

  async open(): Promise<void> {
    await this.asking(() => this.client.connect(this.transport, this.options()));
  }

  tools(): Promise<FoundTool[]> {
    return this.asking(async () => {
      const found = new Map<string, FoundTool>();
      let cursor: string | undefined;
      for (let page = 0; page < MAX_PAGES && found.size < MAX_TOOLS; page++) {
        const { tools, nextCursor } = await this.client.request(
          { method: 'tools/list', params: cursor === undefined ? {} : { cursor } },
          this.options(),
        );
        for (const tool of tools.slice(0, MAX_TOOLS - found.size))
          if (TOOL_NAME.test(tool.name) && !found.has(tool.name)) found.set(tool.name, foundTool(tool));
        if (nextCursor === undefined) break;
        cursor = nextCursor;
      }
      return [...found.values()];
    });
  }

  async call({ name, listed }: FoundTool, args: Record<string, unknown>, callId: string): Promise<ForeignAnswer> {
    this.callId = callId;
    this.fault = null;
    this.status = 0;
    try {
      const toolDefinition = { name, inputSchema: listed['inputSchema'] as { type: 'object' } };
      const answer = await this.client.callTool({ name, arguments: args }, { ...this.options(), toolDefinition });
      const text = textOf(answer.content);
      if (answer.isError)
        throw new Unavailable('mcp-servers.tool_failed', `The tool answered with an error: ${oneLine(text, 500)}`, { retryable: false });
      return { text, structured: boundedValue(answer.structuredContent) };
    } catch (error) {
      if (error instanceof DomainError && error.code === 'mcp-servers.tool_failed') throw error;
      if (error instanceof ProtocolError)
        throw new Unavailable('mcp-servers.tool_failed', `The server refused the call: ${oneLine(error.message, 500)}`, {
          retryable: false,
        });
      throw this.failure(!this.wasRefused());
    }
  }

  /** What the server keeps of the visit it may forget; nobody waits for that. */
  end(): void {
    void this.transport
      .terminateSession()
      .catch(() => undefined)
      .then(() => this.client.close())
      .catch(() => undefined)
      .finally(() => this.over.abort());
  }

  /** Whether the call did not reach the tool: nothing was sent, or the server turned it away. */
  private wasRefused(): boolean {
    if (this.fault) return wasNotSent(this.fault);
    return this.status >= 300 && this.status < 500 && this.status !== 408;
  }

  private async asking<T>(fn: () => Promise<T>): Promise<T> {
    try {
      return await fn();
    } catch {
      throw this.failure();
    }
  }

  private failure(sent = false): DomainError {
    if (this.fault?.code === 'outbound.refused')
      return new Forbidden(
        'outbound.refused',
        `The address of the MCP server ${this.server.name} may not be called from here, unless the operator allows it (OUTBOUND_ALLOW).`,
      );
    return new Unavailable('mcp-servers.failed', `The MCP server ${this.server.name} ${this.what()}`, { params: { sent } });
  }

  private what(): string {
    if (this.late.aborted) return `did not answer within ${VISIT_MS / 1_000} seconds.`;
    if (this.fault?.options.params?.['reason'] === 'too_large')
      return this.left() < MAX_ANSWER_BYTES ? 'answered too much in one visit.' : 'answered more than 2 MiB.';
    if (this.fault) return 'cannot be reached, or broke off.';
    if (this.status === 401 || this.status === 403) return `answered with status ${this.status}: check its credential.`;
    if (this.status >= 300) return `answered with status ${this.status}.`;
    return 'does not answer as the protocol says.';
  }

  private options() {
    return { signal: this.late, timeout: VISIT_MS };
  }

  /** How much the next answer may be. */
  private left(): number {
    return Math.min(MAX_ANSWER_BYTES, (this.callId === null ? MAX_VISIT_BYTES.before : MAX_VISIT_BYTES.all) - this.bytes);
  }

  /** What the server would tell by itself is not listened to: each visit asks. */
  private async fetch(url: string | URL, init: RequestInit = {}): Promise<Response> {
    const method = init.method ?? 'GET';
    if (method === 'GET') return new Response(null, { status: 405 });
    // What the server asks back is not answered: one answer of it could hold thousands of questions.
    if (typeof init.body === 'string' && !('method' in (JSON.parse(init.body) as object))) return new Response(null, { status: 202 });
    if (++this.requests > MAX_REQUESTS) throw new Error('too many requests in one visit');
    const headers = Object.fromEntries(new Headers(init.headers));
    try {
      const answer = await this.outbound.fetch(String(url), {
        method,
        headers: { ...headers, ...this.credential, ...(this.callId === null ? {} : { 'idempotency-key': this.callId }) },
        ...(typeof init.body === 'string' ? { body: init.body } : {}),
        maxBytes: this.left(),
        redirects: 'answer',
        timeoutMs: VISIT_MS,
        signal: AbortSignal.any([this.late, this.over.signal, ...(init.signal ? [init.signal] : [])]),
      });
      this.status = answer.status;
      this.bytes += answer.body.length;
      return new Response(EMPTY.has(answer.status) ? null : new Uint8Array(withoutCredential(answer.body, this.credential)), answer);
    } catch (error) {
      if (error instanceof DomainError) this.fault = error;
      throw error;
    }
  }
}

/** Statuses that have no body. */
const EMPTY = new Set([204, 205, 304]);

/** Schemas of strangers are not compiled: what their tools answer is text to us. */
const unchecked =
  <T>(): JsonSchemaValidator<T> =>
  (input) => ({ valid: true, data: input as T, errorMessage: undefined });

function textOf(content: readonly { type: string }[]): string {
  const parts = content.map((block) => ('text' in block && typeof block.text === 'string' ? block.text : `(${oneLine(block.type, 40)})`));
  return boundedText(parts.join('\n'));
}
