import { setTimeout as sleep } from 'node:timers/promises';
import { Client as McpClient, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import type { Agent, AuditRow, Channel, CreatedApiKey, Memory, Message, Page } from '@atrium/contracts';
import type { Client } from './client.js';
import { bold, type Terminal } from './terminal.js';

const DAY_MS = 86_400_000;
const daysAgo = (days: number) => new Date(Date.now() - days * DAY_MS).toISOString();
const OFFICE = { subject: 'Contoso', predicate: 'has its head office in', access: 'organization' };
const WORK = 'A physician of Contoso examines every sick child.';
const OTHER_WORDS = 'doctor patient hospital';
const ASKED = { query: 'where is the head office of Contoso', limit: 1 };

/** An agent at the MCP door, by a key that names it, as a desktop client would hold it. */
class AgentAtMcp {
  private constructor(
    readonly agent: Agent,
    private readonly client: McpClient,
  ) {}

  static async of(owner: Client): Promise<AgentAtMcp> {
    const name = 'scout';
    const agent = await owner.post<Agent>('/v1/agents', { name, displayName: 'Scout', tools: ['memory_search', 'search', 'chat_post'] });
    const { key } = await owner.post<CreatedApiKey>('/v1/api-keys', { name, agentId: agent.id });
    const client = new McpClient({ name: 'demo', version: '1.0.0' });
    const authProvider = { token: () => Promise.resolve(key) };
    await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', owner.baseUrl), { authProvider }));
    return new AgentAtMcp(agent, client);
  }

  async call<T>(tool: string, args: Record<string, unknown>): Promise<T> {
    const { isError, structuredContent, content } = await this.client.callTool({ name: tool, arguments: args });
    if (isError) throw new Error(`${tool} failed: ${JSON.stringify(content)}`);
    return structuredContent as T;
  }

  close(): Promise<void> {
    return this.client.close();
  }
}

/** What an agent remembers, corrects, finds by other words and says, over MCP; and what another organization's agent finds of it. */
export async function remember(terminal: Terminal, owner: Client, stranger: Client, channel: Channel): Promise<void> {
  const scout = await AgentAtMcp.of(owner);
  terminal.say(`${bold('Scout')} is an agent of Northwind with an API key of its own, at the MCP door.`);
  await owner.post(`/v1/channels/${channel.id}/members`, { kind: 'agent', id: scout.agent.id });

  await scout.call('memory_add', { content: 'The head office of Contoso is in Graz.', ...OFFICE, validFrom: daysAgo(90) });
  await scout.call('memory_add', { content: 'The head office of Contoso is in Linz.', ...OFFICE });
  const [now] = (await scout.call<{ data: Memory[] }>('memory_search', ASKED)).data;
  const [before] = (await scout.call<{ data: Memory[] }>('memory_search', { ...ASKED, asOf: daysAgo(30) })).data;
  terminal.check('it remembers where Contoso is: Linz', now?.content.includes('Linz') === true, now);
  terminal.check('and what was believed a month ago: Graz, kept and superseded', before?.supersededBy === now?.id, before);

  const { memory } = await scout.call<{ memory: Memory }>('memory_add', { content: WORK, access: 'organization' });
  terminal.check(`“${WORK}” is found by words that it does not hold: ${OTHER_WORDS}`, await byMeaning(scout, memory.id), memory);

  const said = { channelId: channel.id, body: 'Contoso has moved to Linz.', idempotencyKey: 'moved' };
  const message = await scout.call<Message>('chat_post', said);
  terminal.quote('Scout', message.body);
  terminal.check(
    'said twice under one key, it stands there once',
    (await scout.call<Message>('chat_post', said)).id === message.id,
    message,
  );

  const { data: rows } = await owner.get<Page<AuditRow>>(`/v1/audit?actorId=${scout.agent.id}&limit=100`);
  const types = new Set(rows.map(({ type }) => type));
  terminal.check(
    `the record has it all in Scout’s name, on behalf of Olivia (${rows.length} records)`,
    types.has('memory.superseded') && rows.every(({ onBehalfOf }) => onBehalfOf !== null),
    rows,
  );

  const spy = await AgentAtMcp.of(stranger);
  const { data: stolen } = await spy.call<{ data: Memory[] }>('memory_search', ASKED);
  terminal.check('an agent of Globex asks the same and finds nothing', stolen.length === 0, stolen);
  await Promise.all([scout.close(), spy.close()]);
}

/** Vectors are made in the background: what was just added may need a moment. */
async function byMeaning(scout: AgentAtMcp, memoryId: string): Promise<boolean> {
  for (let tries = 0; tries < 100; tries++) {
    const { data } = await scout.call<{ data: Memory[] }>('memory_search', { query: OTHER_WORDS, limit: 3 });
    if (data.some(({ id }) => id === memoryId)) return true;
    await sleep(200);
  }
  return false;
}
