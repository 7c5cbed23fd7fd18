import { setTimeout as sleep } from 'node:timers/promises';
import type { Agent, AuditRow, Channel, CreatedApiKey, Document, Memory, MemoryEntry, Message, Page } from '@atrium/contracts';
import { eventually, newOrganization, type Person } from '../lib/api.js';
import { McpCaller } from '../lib/mcp.js';

const DAY_MS = 24 * 60 * 60 * 1_000;
const daysAgo = (days: number) => new Date(Date.now() - days * DAY_MS).toISOString();
const SLOT = { subject: 'Northwind', predicate: 'has its head office in', access: 'organization' };

interface Found {
  passages: { kind: string; subjectId: string; body: string }[];
}

/** An agent of the organization, by a key that names it, as a desktop client would hold it. */
async function agentOf({ api }: Person): Promise<{ agent: Agent; mcp: McpCaller }> {
  const agent = await eventually('the assistant', async () => (await api.get<Page<Agent>>('/v1/agents')).data[0]);
  const { key } = await api.post<CreatedApiKey>('/v1/api-keys', { name: 'for the agent', agentId: agent.id });
  return { agent, mcp: await McpCaller.connect({ token: key, baseUrl: api.baseUrl }) };
}

it('is the memory and the hands of an agent, in the name of who made its key, and shows another organization’s agent nothing', async () => {
  const olivia = await newOrganization('Olivia & Co.');
  const channel = await olivia.api.post<Channel>('/v1/channels', { name: 'customers' });
  const said = await olivia.api.post<Message>(`/v1/channels/${channel.id}/messages`, { body: 'The physician examined the sick child.' });
  const paper = await olivia.api.post<Document>('/v1/documents', {
    title: 'Sick children',
    text: 'A surgeon and a physician treat every sick child on Fridays.',
    mediaType: 'text/plain',
  });
  const { agent, mcp } = await agentOf(olivia);

  // It remembers what it is told about a customer, and is corrected.
  await mcp.call('memory_add', { content: 'The head office of Northwind is in Kyiv.', ...SLOT, validFrom: daysAgo(90) });
  await mcp.call('memory_add', { content: 'Northwind pays by invoice.', subject: 'Northwind', access: 'organization' });
  const kyiv = (await mcp.call<{ data: Memory[] }>('memory_search', { query: 'head office of Northwind' })).data[0] as Memory;
  const lviv = (await mcp.call<{ memory: Memory }>('memory_add', { content: 'The head office of Northwind is in Lviv.', ...SLOT })).memory;
  const head = async (more: object = {}) =>
    (await mcp.call<{ data: Memory[] }>('memory_search', { query: 'where is the head office of Northwind', limit: 1, ...more })).data[0];

  // What holds, what was believed last month, and why that changed.
  expect(await head()).toMatchObject({ id: lviv.id, validTo: null });
  expect(await head({ asOf: daysAgo(30) })).toMatchObject({ id: kyiv.id, supersededBy: lviv.id });
  const { entries } = await mcp.call<{ entries: MemoryEntry[] }>('memory_history', { id: lviv.id });
  expect(entries.map(({ kind, content, otherId }) => ({ kind, content, otherId }))).toEqual([
    { kind: 'added', content: kyiv.content, otherId: null },
    { kind: 'added', content: lviv.content, otherId: null },
    { kind: 'superseded', content: kyiv.content, otherId: lviv.id },
  ]);
  for (const entry of entries) expect(entry).toMatchObject({ actor: { kind: 'agent', id: agent.id }, onBehalfOf: olivia.user.id });

  // The right message and document, by other words than theirs.
  const best = (tool: string, args: object, id: string) =>
    eventually(`${tool} finds it by its meaning`, async () => {
      const found = await mcp.call<{ passages?: Found['passages']; data?: { documentId?: string; id?: string }[] }>(tool, { ...args });
      return JSON.stringify((found.passages ?? found.data)?.[0] ?? null).includes(id) && found;
    });
  await best('search', { query: 'doctor patient hospital', kinds: ['message'], limit: 3 }, said.id);
  await best('document_search', { query: 'doctor patient hospital', limit: 3 }, paper.id);

  // It says so in the channel, once, though it sent that twice.
  const words = { channelId: channel.id, body: 'Northwind has moved to Lviv.', idempotencyKey: 'moved-1' };
  const post = await mcp.call<Message>('chat_post', words);
  expect((await mcp.call<Message>('chat_post', words)).id).toBe(post.id);
  const { data: messages } = await olivia.api.get<Page<Message>>(`/v1/channels/${channel.id}/messages`);
  expect(messages.filter(({ body }) => body === words.body)).toMatchObject([{ author: { kind: 'agent', id: agent.id } }]);

  // The record names the agent, and for whom it acted.
  const { data: rows } = await olivia.api.get<Page<AuditRow>>('/v1/audit', { actorId: agent.id, limit: 100 });
  const done = rows.map(({ type }) => type);
  expect(done).toEqual(expect.arrayContaining(['chat.message_posted', 'memory.added', 'memory.superseded']));
  expect(rows.filter(({ type }) => type === 'chat.message_posted')).toMatchObject([{ subject: { id: post.id } }]);
  for (const row of rows.filter(({ type }) => /^(memory|chat\.message)/.test(type)))
    expect(row).toMatchObject({ actor: { kind: 'agent', id: agent.id }, onBehalfOf: olivia.user.id });

  // Another organization's agent asks the same and finds nothing.
  const { mcp: stranger } = await agentOf(await newOrganization('Strangers'));
  await sleep(100);
  expect((await stranger.call<{ data: Memory[] }>('memory_search', { query: 'where is the head office of Northwind' })).data).toEqual([]);
  expect((await stranger.call<Found>('search', { query: 'doctor patient hospital Northwind' })).passages).toEqual([]);
  expect(JSON.stringify(await stranger.call('document_search', { query: 'doctor patient hospital' }))).not.toContain('surgeon');
  expect(await stranger.problem('memory_history', { id: lviv.id })).toMatchObject({ code: 'memory.not_found', status: 404 });
  expect(await stranger.problem('document_search', { query: '\u0000' })).toMatchObject({ status: 400 });
  expect(await stranger.problem('agent_list', { capability: '\u0000' })).toMatchObject({ status: 400 });
  expect(await stranger.problem('document_read', { documentId: paper.id })).toMatchObject({ status: 404 });
  expect(await stranger.problem('chat_history', { channelId: channel.id })).toMatchObject({ status: 404 });
  expect(await stranger.problem('chat_post', { ...words, idempotencyKey: 'mine' })).toMatchObject({ status: 404 });
  await Promise.all([mcp.close(), stranger.close()]);
}, 120_000);
