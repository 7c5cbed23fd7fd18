import type { IncomingHttpHeaders } from 'node:http';
import { Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { createMcpHandler } from '@modelcontextprotocol/server';
import { Invalid, NotFound } from '@atrium/platform/errors';
import { Log } from '@atrium/platform/observability';
import type { AtriumRequest, OrgContext } from '@atrium/platform/tenancy';
import { Exchanges } from './exchanges.js';
import { ToolServer } from './tool-server.js';

/** What of a request the protocol reads. The credential stays outside: nothing behind the door can pass it on. */
const PROTOCOL_HEADER = /^(accept|content-type|mcp-.+)$/;

/**
 * MCP over Streamable HTTP, revision 2026-07-28 and, for older clients, 2025-11-25 and before: one server object per request, made for its
 * principal and thrown away with the answer. There are no sessions, so nothing is shared between requests, processes or principals.
 */
@Injectable()
export class McpDoor {
  constructor(
    private readonly exchanges: Exchanges,
    private readonly server: ToolServer,
    private readonly log: Log,
  ) {}

  /** @throws NotFound `mcp.session_not_found`, Invalid `mcp.batch_refused`, QuotaExceeded `request.rate_limited` */
  async answer(ctx: OrgContext, { method, headers, body }: AtriumRequest, reply: FastifyReply): Promise<void> {
    if (headers['mcp-session-id'] !== undefined)
      throw new NotFound('mcp.session_not_found', 'There is no such session. Start again without one.');
    if (Array.isArray(body)) throw new Invalid('mcp.batch_refused', 'Send one JSON-RPC message per request.');
    const signal = this.exchanges.begin(ctx, reply.raw);
    const handler = createMcpHandler(() => this.server.for(ctx), {
      onerror: (error) => this.log.debug('an MCP message was refused', { reason: error.message.slice(0, 300), requestId: ctx.requestId }),
    });
    const request = new Request('http://atrium/mcp', { method, headers: protocolHeaders(headers), signal });
    const response = await handler.fetch(request, { parsedBody: body });
    response.headers.set('cache-control', 'no-store, no-transform');
    if (!signal.aborted) await reply.send(response);
  }
}

function protocolHeaders(headers: IncomingHttpHeaders): Headers {
  const kept = new Headers();
  for (const [name, value] of Object.entries(headers))
    if (PROTOCOL_HEADER.test(name) && value !== undefined) kept.set(name, [value].flat().join(', '));
  return kept;
}
