import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import type { Channel, CreatedApiKey } from '@atrium/contracts';
import { newOrganization, type Person } from '../lib/api.js';
import { McpCaller, type McpMode } from '../lib/mcp.js';
import { killStdio, MCP_PROGRAM, StdioProcess } from '../lib/stdio.js';

const INITIALIZE = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1.0.0' } };

const newKey = ({ api }: Person) => api.post<CreatedApiKey>('/v1/api-keys', { name: 'desktop' });

afterAll(killStdio);

describe('MCP over stdio', () => {
  let owner: Person;
  let key: CreatedApiKey;
  let environment: Record<string, string>;
  beforeAll(async () => {
    owner = await newOrganization();
    key = await newKey(owner);
    environment = { ATRIUM_URL: owner.api.baseUrl, ATRIUM_API_KEY: key.key };
  });

  const REVISIONS: [McpMode, string][] = [
    ['auto', '2026-07-28'],
    ['legacy', '2025-11-25'],
  ];
  it.each(REVISIONS)('serves a client of the official SDK that says %s', async (mode, revision) => {
    const client = new Client({ name: 'test', version: '1.0.0' }, { versionNegotiation: { mode } });
    await client.connect(new StdioClientTransport({ command: process.execPath, args: [MCP_PROGRAM], env: environment }));
    const overHttp = await McpCaller.connect({ token: key.key, baseUrl: owner.api.baseUrl }, mode);

    expect(client.getNegotiatedProtocolVersion()).toBe(revision);
    expect(client.getInstructions()).toContain('workspace');
    expect(await client.listTools()).toEqual(await overHttp.client.listTools());
    const name = `stdio ${revision}`;
    const channel = await owner.api.post<Channel>('/v1/channels', { name });
    const posts = Array.from({ length: 20 }, (_, index) =>
      client.callTool({ name: 'chat_post', arguments: { channelId: channel.id, body: `message ${index}` } }),
    );
    expect((await Promise.all(posts)).filter(({ isError }) => isError)).toEqual([]);
    const { structuredContent } = await client.callTool({ name: 'chat_history', arguments: { channelId: channel.id } });
    expect((structuredContent as { data: unknown[] }).data).toHaveLength(20);
    const refused = await client.callTool({ name: 'chat_history', arguments: { channelId: 'x' } });
    expect(refused.isError).toBe(true);
    await expect(client.callTool({ name: 'no_such_tool' })).rejects.toMatchObject({ code: -32_602 });
    await Promise.all([client.close(), overHttp.close()]);
  });

  it('says on standard output nothing but the protocol, and ends when its client does', async () => {
    const mcp = new StdioProcess(environment);

    mcp.send('this is no JSON');
    const reply = await mcp.ask(1, 'initialize', INITIALIZE);
    mcp.send({ method: 'notifications/initialized' });
    await mcp.ask('two', 'tools/list');
    const unknown = await mcp.ask(3, 'resources/list');

    expect(reply.result).toMatchObject({ protocolVersion: '2025-11-25', serverInfo: { name: 'atrium' } });
    expect(unknown.error?.code).toBe(-32_601);
    expect(await mcp.end()).toBe(0);
    expect(mcp.lines.map((line) => (JSON.parse(line) as { jsonrpc: string }).jsonrpc)).toEqual(['2.0', '2.0', '2.0']);
  });

  it.each([
    ['without a key', { ATRIUM_API_KEY: '' }, 'ATRIUM_API_KEY is not set. Make a key'],
    ['with a key that is none', { ATRIUM_API_KEY: 'secret' }, 'is no API key of Atrium'],
    ['with an address that is none', { ATRIUM_URL: 'atrium' }, 'ATRIUM_URL is no address'],
  ])('refuses to start %s, and says what to do', async (_what, more, words) => {
    const mcp = new StdioProcess({ ...environment, ...more });

    expect(await mcp.ended).toBe(1);
    expect(mcp.stderr).toContain(words);
    expect(mcp.stderr).not.toMatch(/\n\s+at /);
    expect(mcp.lines).toEqual([]);
  });

  it('answers with what to do when the key is revoked', async () => {
    const { id, key: revoked } = await newKey(owner);
    const mcp = new StdioProcess({ ...environment, ATRIUM_API_KEY: revoked });
    expect((await mcp.ask(1, 'initialize', INITIALIZE)).error).toBeUndefined();

    await owner.api.delete(`/v1/api-keys/${id}`);
    const reply = await mcp.ask(2, 'tools/list');
    await mcp.ask(3, 'tools/list');

    expect(reply.error).toMatchObject({ code: -32_000, data: { status: 401 } });
    expect(reply.error?.message).toContain('does not accept the key');
    expect(mcp.stderr.match(/does not accept the key/g)).toHaveLength(1);
    expect(mcp.stderr + mcp.lines.join('')).not.toContain(revoked);
    expect(await mcp.end()).toBe(0);
  });

  it('answers when what is there is no Atrium', async () => {
    const mcp = new StdioProcess({ ...environment, ATRIUM_URL: `${owner.api.baseUrl}/docs` });

    expect((await mcp.ask(1, 'initialize', INITIALIZE)).error?.message).toMatch(/status 404/);
    await mcp.end();
  });
});
