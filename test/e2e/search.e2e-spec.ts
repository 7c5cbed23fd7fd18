import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import type { Agent, AgentPage, Channel, Document, Message, Problem, SearchResult, ToolPage } from '@atrium/contracts';
import { eventually, newColleague, newOrganization, type Person } from '../lib/api.js';

const find = (person: Person, query: string, more: object = {}) => person.api.post<SearchResult>('/v1/search', { query, ...more });
const newChannel = (owner: Person, kind: 'public' | 'private' = 'public') =>
  owner.api.post<Channel>('/v1/channels', { name: `c ${randomUUID()}`, kind });
const say = (person: Person, channel: Channel, body: string) => person.api.post<Message>(`/v1/channels/${channel.id}/messages`, { body });

async function newDocument(owner: Person, title: string, text: string): Promise<Document> {
  const { id } = await owner.api.post<Document>('/v1/documents', { title, text, mediaType: 'text/plain' });
  return eventually(`${title} is ready`, async () => {
    const document = await owner.api.get<Document>(`/v1/documents/${id}`);
    return document.status === 'processing' ? null : document;
  });
}

/** Scores move when the vectors of what was just written arrive. */
const withoutScores = ({ data }: Pick<SearchResult, 'data'>) =>
  data.map(({ score: _score, ...hit }) => hit).sort((a, b) => a.id.localeCompare(b.id));

it('finds messages and documents with snippet and places, and follows edits and deletions at once', async () => {
  const owner = await newOrganization();
  const channel = await newChannel(owner);
  const message = await say(owner, channel, 'The renewal of the warranty is due in March.');
  const document = await newDocument(owner, 'Warranty terms', 'Warranties are renewed every year.\n\nNothing else is of note.');

  const { data } = await find(owner, 'renewing warranties');
  expect(data.map((hit) => hit.id).sort()).toEqual([message.id, document.id].sort());
  for (const { snippet, highlights } of data)
    expect(highlights.map(({ start, end }) => snippet.slice(start, end).toLowerCase().slice(0, 5))).toContain('warra');
  expect(data.find((hit) => hit.kind === 'message')?.source).toEqual({ channelId: channel.id, threadId: null });
  const byGet = await owner.api.get<SearchResult>('/v1/search', { q: 'renewing warranties' });
  expect(byGet.degraded).toEqual([]);
  expect(withoutScores(byGet)).toEqual(withoutScores({ data }));
  expect((await find(owner, 'warranty', { kinds: ['message'] })).data.map((hit) => hit.id)).toEqual([message.id]);
  expect((await find(owner, 'warranty', { filters: { documentId: document.id } })).data.map((hit) => hit.id)).toEqual([document.id]);
  expect((await find(owner, 'warranty', { limit: 1 })).data).toHaveLength(1);

  await owner.api.patch(`/v1/messages/${message.id}`, { body: 'Never mind.' });
  expect((await find(owner, 'warranty', { kinds: ['message'] })).data).toEqual([]);
  await owner.api.delete(`/v1/documents/${document.id}`);
  expect((await find(owner, 'warranty')).data).toEqual([]);
});

it('shows nobody what they may not read', async () => {
  const owner = await newOrganization();
  const member = await newColleague(owner);
  const guest = await newColleague(owner, 'guest');
  const stranger = await newOrganization();
  const word = `w${randomUUID().slice(0, 8)}`;
  await say(owner, await newChannel(owner), `public ${word}`);
  await say(owner, await newChannel(owner, 'private'), `private ${word}`);

  expect((await find(owner, word)).data).toHaveLength(2);
  expect((await find(member, word)).data.map((hit) => hit.snippet)).toEqual([`public ${word}`]);
  expect((await find(guest, word)).data).toEqual([]);
  expect((await find(stranger, word)).data).toEqual([]);
});

it('finds what was said in a channel under the name that it has now', async () => {
  const owner = await newOrganization();
  const channel = await owner.api.post<Channel>('/v1/channels', { name: 'gardening', kind: 'public' });
  const root = await say(owner, channel, 'Roses need water, says the old gardening book.');
  const reply = await owner.api.post<Message>(`/v1/channels/${channel.id}/messages`, { body: 'And light.', threadId: root.id });
  expect((await find(owner, 'gardening')).data.map(({ id, title }) => `${id} ${title}`).sort()).toEqual(
    [root, reply].map(({ id }) => `${id} #gardening`).sort(),
  );

  await owner.api.patch(`/v1/channels/${channel.id}`, { name: 'astronomy' });

  await eventually('both have the new name', async () => (await find(owner, 'astronomy')).data.length === 2);
  expect((await find(owner, 'astronomy')).data.map(({ title }) => title)).toEqual(['#astronomy', '#astronomy']);
  expect((await find(owner, 'gardening')).data.map(({ id, title }) => `${id} ${title}`)).toEqual([`${root.id} #astronomy`]);
});

it('refuses what has not the documented form', async () => {
  const owner = await newOrganization();
  for (const body of [
    {},
    { query: '  ' },
    { query: 'x', limit: 51 },
    { query: 'x', asOf: '0000-01-01T00:00:00Z' },
    { query: 'x', kinds: ['secret'] },
    { query: 'x', grants: ['org'] },
    { query: 'x'.repeat(1_001) },
  ]) {
    expect(await owner.api.refused(400, 'POST', '/v1/search', { body })).toMatchObject({
      code: 'request.invalid',
    } satisfies Partial<Problem>);
  }
  expect((await find(owner, "'; DROP TABLE search_units; -- ☃ & | ! (")).data).toEqual([]);
});

it.each(['/v1/documents', '/v1/memories', '/v1/pattern-usages'])('takes no cursor of %s that it did not make', async (path) => {
  const owner = await newOrganization();
  for (const time of ['0000-01-01T00:00:00.000Z', '1', '2026-02-30T00:00:00.000Z', '+010000-01-01T00:00:00.000Z', '2026-01-01']) {
    const cursor = Buffer.from(JSON.stringify([time, randomUUID()])).toString('base64url');
    expect(await owner.api.refused(400, 'GET', path, { query: { cursor } })).toMatchObject({ errors: [{ pointer: '?cursor' }] });
  }
  const cursor = Buffer.from(JSON.stringify([new Date().toISOString(), randomUUID()])).toString('base64url');
  expect(await owner.api.get(path, { cursor })).toMatchObject({ data: [] });
});

it('lists the assistant and the tools', async () => {
  const owner = await newOrganization();
  const assistant = await eventually('the assistant', async () => (await owner.api.get<z.infer<typeof AgentPage>>('/v1/agents')).data[0]);
  expect(assistant).toMatchObject({ name: 'assistant', status: 'active', version: 1 });
  expect(await owner.api.get<Agent>(`/v1/agents/${assistant.id}`)).toEqual(assistant);
  const stranger = await newOrganization();
  expect(await stranger.api.refused(404, 'GET', `/v1/agents/${assistant.id}`)).toMatchObject({ code: 'agents.not_found' });
  const { data } = await owner.api.get<z.infer<typeof ToolPage>>('/v1/tools');
  expect(data.find((tool) => tool.name === 'search')).toMatchObject({
    permission: 'search:read',
    inputSchema: { type: 'object', required: ['query'] },
  });
});
