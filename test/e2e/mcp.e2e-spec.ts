import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import type { Problem } from '@atrium/contracts';
import { anonymous, newOrganization, type Person } from '../lib/api.js';
import { McpCaller, type McpMode, rawMcp } from '../lib/mcp.js';

const rpc = (method: string, params: object = {}, id: number | string = 1) => JSON.stringify({ jsonrpc: '2.0', id, method, params });

describe('the MCP door', () => {
  let owner: Person;
  beforeAll(async () => {
    owner = await newOrganization();
  });

  const REVISIONS: [McpMode, string][] = [
    ['auto', '2026-07-28'],
    ['legacy', '2025-11-25'],
  ];
  it.each(REVISIONS)('lists and runs tools for a client that says %s', async (mode, revision) => {
    const mcp = await McpCaller.connect(owner.api, mode);

    expect(mcp.revision).toBe(revision);
    expect(await mcp.tools()).toContain('search');
    expect(await mcp.call('search', { query: 'anything' })).toEqual({ passages: [], degraded: [] });
    expect(await mcp.problem('search', { query: 'anything', organizationId: randomUUID() })).toMatchObject({
      code: 'tools.invalid_arguments',
      status: 400,
    });
    await expect(mcp.call('no_such_tool')).rejects.toMatchObject({ code: -32_602 });
    await mcp.close();
  });

  it('tells what each tool does before it is called', async () => {
    const mcp = await McpCaller.connect(owner.api);
    const { tools } = await mcp.client.listTools();
    await mcp.close();

    const search = tools.find(({ name }) => name === 'search');
    expect(search?.annotations).toEqual({ readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false });
    expect(search?.inputSchema).toMatchObject({ type: 'object', required: ['query'], additionalProperties: false });
  });

  const refused: [string, string, Record<string, string>, number, string][] = [
    ['a page of another site', rpc('tools/list'), { origin: 'http://evil.example' }, 403, 'auth.origin_refused'],
    ['an opaque origin', rpc('tools/list'), { origin: 'null' }, 403, 'auth.origin_refused'],
    ['a batch', `[${rpc('tools/list')},${rpc('tools/list')}]`, {}, 400, 'mcp.batch_refused'],
    ['malformed JSON', '{"jsonrpc":', {}, 400, 'request.malformed'],
    ['a body beyond the limit', rpc('tools/list', { pad: 'x'.repeat(2 ** 20) }), {}, 413, 'request.too_large'],
    [
      'nesting beyond the limit',
      rpc('tools/list', JSON.parse('{"a":'.repeat(40) + '1' + '}'.repeat(40)) as object),
      {},
      400,
      'request.malformed',
    ],
    ['another content type', 'a=1', { 'content-type': 'application/x-www-form-urlencoded' }, 415, 'request.unsupported_media_type'],
    ['a session, for there are none', rpc('tools/list'), { 'mcp-session-id': randomUUID() }, 404, 'mcp.session_not_found'],
    ['a token that is none', rpc('tools/list'), { authorization: 'Bearer x' }, 401, 'auth.invalid_token'],
  ];
  it.each(refused)('refuses %s', async (_what, body, headers, status, code) => {
    const answer = await rawMcp(owner.api, body, headers);

    expect(answer.status).toBe(status);
    expect(((await answer.json()) as Problem).code).toBe(code);
  });

  it('asks for a credential and says how', async () => {
    const answer = await rawMcp(anonymous(), rpc('tools/list'));

    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
  });

  it('does not believe a page whose name was pointed here', async () => {
    const { hostname, port } = new URL(owner.api.baseUrl);
    const headers = {
      host: 'evil.example',
      origin: 'http://evil.example',
      authorization: `Bearer ${owner.api.token}`,
      'content-type': 'application/json',
    };
    const status = await new Promise((resolve, reject) => {
      const rebound = request({ hostname, port, path: '/mcp', method: 'POST', headers }, (answer) => resolve(answer.statusCode));
      rebound.once('error', reject).end(rpc('tools/list'));
    });

    expect(status).toBe(403);
  });

  it('does not know other methods, and keeps no stream', async () => {
    const answer = await rawMcp(owner.api, rpc('resources/list'));
    const stream = await fetch(new URL('/mcp', owner.api.baseUrl), {
      headers: { authorization: `Bearer ${owner.api.token}`, accept: 'text/event-stream' },
    });

    expect(await answer.text()).toContain('-32601');
    expect(stream.status).toBe(405);
  });

  it('lets a page of its own origin in, and gives every answer its headers', async () => {
    const answer = await rawMcp(owner.api, rpc('tools/list'), { origin: new URL(owner.api.baseUrl).origin });

    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toContain('no-store');
    expect(answer.headers.get('x-request-id')).toBeTruthy();
    await answer.body?.cancel();
  });
});
