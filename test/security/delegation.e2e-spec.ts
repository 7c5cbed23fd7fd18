import { randomUUID } from 'node:crypto';
import { connect, type AddressInfo, type Socket } from 'node:net';
import type { z } from 'zod';
import type {
  AgentPage,
  Channel,
  ChannelMemberPage,
  CreatedApiKey,
  CreatedInvitation,
  LiveEvent,
  Message,
  MessagePage,
  Page,
  Permission,
  Problem,
} from '@atrium/contracts';
import { anonymous, Api, eventually, newColleague, newOrganization, type Person } from '../lib/api.js';
import { LiveClient } from '../lib/live-client.js';
import { McpCaller } from '../lib/mcp.js';
import { openTestApp } from '../lib/test-app.js';
import { newWorkflow } from '../lib/workflows.js';

/** An organization with a public channel in which the assistant and a member are. */
async function newPlace() {
  const owner = await newOrganization();
  const member = await newColleague(owner);
  const channel = await owner.api.post<Channel>('/v1/channels', { name: `c ${randomUUID()}` });
  await member.api.post(`/v1/channels/${channel.id}/members`, { id: member.user.id });
  await eventually('the assistant joins', async () => {
    const { data } = await owner.api.get<z.infer<typeof ChannelMemberPage>>(`/v1/channels/${channel.id}/members`);
    return data.some(({ kind }) => kind === 'agent');
  });
  const [assistant] = (await owner.api.get<z.infer<typeof AgentPage>>('/v1/agents')).data;
  return { owner, member, channel, agentId: assistant?.id ?? '' };
}

const newKey = async ({ api }: Person, body: object) =>
  new Api((await api.post<CreatedApiKey>('/v1/api-keys', { name: 'key', ...body })).key);

describe('keys that name an agent', () => {
  it('are made by administrators only', async () => {
    const { owner, member, agentId } = await newPlace();
    const admin = await newColleague(owner, 'admin');

    expect(await member.api.call<Problem>('POST', '/v1/api-keys', { body: { name: 'mine', agentId } })).toMatchObject({ status: 403 });
    for (const { api } of [owner, admin])
      expect(await api.call('POST', '/v1/api-keys', { body: { name: 'its', agentId } })).toMatchObject({ status: 201 });
    await member.api.post('/v1/api-keys', { name: 'of their own' });
  });

  it('send nothing out, where nobody is asked, and are offered no tool that only people may use', async () => {
    const { owner, agentId } = await newPlace();
    const client = await McpCaller.connect(await newKey(owner, { agentId }));
    const offered = async (by: McpCaller) => (await by.tools()).filter((name) => ['approval_decide', 'http_request'].includes(name));
    expect(await client.problem('http_request', { url: owner.api.baseUrl })).toMatchObject({ code: 'agents.tool_not_allowed' });
    expect(await offered(client)).toEqual([]);
    await client.close();
    const own = await McpCaller.connect(await newKey(owner, {}));
    expect(await offered(own)).toEqual(['approval_decide', 'http_request']);
    await own.close();
  });

  it('cannot write, change or take away an answer, nor the place of one that is to come', async () => {
    const { owner, channel, agentId } = await newPlace();
    const asAssistant = await newKey(owner, { agentId });
    const say = (api: Api, body: object) => api.call<Message & Problem>('POST', `/v1/channels/${channel.id}/messages`, { body });
    await owner.api.post(`/v1/channels/${channel.id}/messages`, { body: 'The launch is on the ninth of May.' });
    const question = await owner.api.post<Message>(`/v1/channels/${channel.id}/messages`, { body: '@assistant When is the launch?' });
    const answer = await eventually('an answer', async () => {
      const { data } = await owner.api.get<z.infer<typeof MessagePage>>(`/v1/messages/${question.id}/thread`);
      return data.find(({ author, status }) => author.kind === 'agent' && status === 'complete');
    });

    expect(answer.clientId).toMatch(/^answer:/);
    expect(await asAssistant.call('PATCH', `/v1/messages/${answer.id}`, { body: { body: 'forged' } })).toMatchObject({ status: 403 });
    for (const clientId of [answer.clientId, `answer:${randomUUID()}`, 'answer:', ' answer:x']) {
      expect(await say(asAssistant, { body: 'forged', threadId: question.id, clientId })).toMatchObject({
        status: 400,
        body: { code: 'request.invalid' },
      });
      expect(await say(owner.api, { body: 'forged', clientId })).toMatchObject({ status: 400 });
    }
    for (const field of ['status', 'citations', 'author', 'sources', 'verified']) {
      expect(await say(asAssistant, { body: 'forged', [field]: 'complete' })).toMatchObject({ status: 400 });
    }
    const socket = await LiveClient.connect(asAssistant.token ?? '');
    const frame = { type: 'message.post', channelId: channel.id, body: 'forged', clientId: `answer:${randomUUID()}` };
    expect(await socket.say(frame as Parameters<LiveClient['say']>[0])).toMatchObject({ type: 'error' });
    await socket.close();
    expect(await owner.api.get(`/v1/messages/${answer.id}`)).toEqual(answer);
    const said = await say(asAssistant, { body: 'said by the key' });
    expect(said).toMatchObject({ status: 201, body: { author: { kind: 'agent' }, citations: [], clientId: null } });
  });

  it('of somebody who is no administrator any more take no answer away, and are no keys', async () => {
    const { owner, member, channel, agentId } = await newPlace();
    const admin = await newColleague(owner, 'admin');
    const key = await newKey(admin, { agentId });
    const question = await member.api.post<Message>(`/v1/channels/${channel.id}/messages`, { body: '@assistant What is the launch?' });
    const answer = await eventually('an answer', async () => {
      const { data } = await member.api.get<z.infer<typeof MessagePage>>(`/v1/messages/${question.id}/thread`);
      return data.find(({ author, status }) => author.kind === 'agent' && status === 'complete');
    });
    await owner.api.patch(`/v1/members/${admin.user.id}`, { role: 'member' });

    expect(await key.call('DELETE', `/v1/messages/${answer.id}`)).toMatchObject({ status: 401 });
    expect(await owner.api.get(`/v1/messages/${answer.id}`)).toEqual(answer);
  });

  it('do not answer one person with what the agent did for another under the same Idempotency-Key', async () => {
    const { owner, channel, agentId } = await newPlace();
    const admin = await newColleague(owner, 'admin');
    const headers = { 'idempotency-key': randomUUID() };
    const answers = [];
    for (const person of [owner, admin]) {
      const api = await newKey(person, { agentId });
      answers.push(await api.call<Message>('POST', `/v1/channels/${channel.id}/messages`, { body: { body: 'the same' }, headers }));
      answers.push(await api.call<Message>('POST', `/v1/channels/${channel.id}/messages`, { body: { body: 'the same' }, headers }));
    }

    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
    const [first, repeated, other, otherRepeated] = answers.map(({ body }) => body.id);
    expect(repeated).toBe(first);
    expect(otherRepeated).toBe(other);
    expect(other).not.toBe(first);
  });
});

describe('keys with few scopes', () => {
  /** What each scope lets a key hear of what happens below. */
  const HEARD: Partial<Record<Permission, string>> = {
    'agents:read': 'agents.created',
    'channels:read': 'chat.message_posted',
    'documents:read': 'documents.ready',
    'memory:read': 'memory.added',
    'members:read': 'organizations.member_added',
    'models:manage': 'models.budget_created',
    'tasks:read': 'tasks.created',
    'teams:read': 'organizations.team_created',
    'webhooks:manage': 'webhooks.incoming_created',
    'workflows:read': 'workflows.created',
  };

  async function everythingHappens(owner: Person): Promise<void> {
    const witness = await LiveClient.connect(owner.accessToken);
    const channel = await owner.api.post<Channel>('/v1/channels', { name: `c ${randomUUID()}` });
    await owner.api.post(`/v1/channels/${channel.id}/messages`, { body: 'hello' });
    await owner.api.post('/v1/documents', { title: 'Title', text: 'Text' });
    await owner.api.post('/v1/memories', { content: 'Something' });
    await owner.api.post('/v1/tasks', { title: 'To do' });
    await owner.api.post('/v1/agents', { name: 'helper', displayName: 'Helper' });
    await owner.api.post('/v1/teams', { name: 'Team' });
    await owner.api.post('/v1/model-budgets', { scope: 'organization', costMicros: 1_000_000 });
    const workflow = await newWorkflow(owner);
    await owner.api.post('/v1/incoming-webhooks', { name: 'Hook', target: { kind: 'workflow', id: workflow.id } });
    await newColleague(owner);
    await witness.waitForEvent('documents.ready');
    await owner.api.patch('/v1/organization', { name: 'Renamed' });
    await witness.close();
  }

  it('hear only of what they may read, over sockets, streams and pages', async () => {
    const owner = await newOrganization();
    const scopes = [null, ...(Object.keys(HEARD) as Permission[])];
    const heard = await Promise.all(
      scopes.map(async (scope) => {
        const key = await newKey(owner, { scopes: ['events:read', 'organization:read', ...(scope ? [scope] : [])] });
        return { scope, key, socket: await LiveClient.connect(key.token ?? '') };
      }),
    );
    const abort = new AbortController();
    const stream = await fetch(`${owner.api.baseUrl}/v1/events`, {
      headers: { accept: 'text/event-stream', authorization: `Bearer ${heard[0]?.key.token}` },
      signal: abort.signal,
    });
    let text = '';
    const read = async () => {
      for await (const chunk of stream.body ?? []) text += Buffer.from(chunk as Uint8Array).toString();
    };
    void read().catch(() => undefined);
    await everythingHappens(owner);

    await eventually('the stream has the last', async () => text.includes('organizations.renamed'));
    expect([...text.matchAll(/^event: (.+\..+)$/gm)].map(([, type]) => type)).toEqual(['organizations.renamed']);
    for (const { scope, key, socket } of heard) {
      await socket.waitForEvent('organizations.renamed');
      const told = socket.events.map(({ type }) => type);
      const paged = (await key.get<Page<LiveEvent>>('/v1/events', { limit: 500 })).data.map(({ type }) => type);
      const own = scope === null ? undefined : HEARD[scope];
      const foreign = Object.values(HEARD).filter((type) => type !== own);
      expect({ scope, told: told.filter((type) => foreign.includes(type)) }).toEqual({ scope, told: [] });
      expect({ scope, paged: paged.filter((type) => foreign.includes(type)) }).toEqual({ scope, paged: [] });
      if (own) expect([told, paged]).toEqual([expect.arrayContaining([own]), expect.arrayContaining([own])]);
      else expect([...told, ...paged]).toEqual(['organizations.renamed', 'organizations.renamed']);
      await socket.close();
    }
    abort.abort();
  });
});

describe('invitations', () => {
  it.each<[string, (owner: Person, admin: Person) => Promise<unknown>]>([
    ['was removed', (owner, { user }) => owner.api.delete(`/v1/members/${user.id}`)],
    ['was suspended', (owner, { user }) => owner.api.patch(`/v1/members/${user.id}`, { suspended: true })],
    ['is an administrator no more', (owner, { user }) => owner.api.patch(`/v1/members/${user.id}`, { role: 'member' })],
  ])('of an administrator who %s end, whoever holds the link', async (_what, act) => {
    const owner = await newOrganization();
    const admin = await newColleague(owner, 'admin');
    // To a mailbox of their own, so that they could come back by it.
    const email = `${randomUUID()}@example.com`;
    const { token } = await admin.api.post<CreatedInvitation>('/v1/invitations', { email, role: 'admin' });
    await act(owner, admin);

    const body = { token, password: `pw ${randomUUID()}`, displayName: 'Back again' };
    await anonymous().refused(404, 'POST', '/v1/invitations/accept', { body });
    const { data } = await owner.api.get<Page<{ displayName: string }>>('/v1/members');
    expect(data.filter(({ displayName }) => displayName === 'Back again')).toEqual([]);
  });
});

describe('refused upgrades', () => {
  it('leave no connection behind, although the client never closes its own side', async () => {
    const { app, close } = await openTestApp();
    const clients: Socket[] = [];
    try {
      await app.listen(0, '127.0.0.1');
      const { port } = app.getHttpServer().address() as AddressInfo;
      const upgrade = (path: string, more = '') =>
        `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}\r\n${more}\r\n`;
      for (let each = 0; each < 50; each++) {
        const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
        client.on('error', () => undefined);
        client.write(each % 2 ? upgrade('/v1/nothing') : upgrade('/v1/socket', 'Origin: https://evil.example\r\n'));
        // Half of them do not even read the refusal.
        if (each % 4 < 2) client.resume();
        clients.push(client);
      }

      const count = () =>
        new Promise<number>((resolve) => app.getHttpServer().getConnections((_error: unknown, open: number) => resolve(open)));
      await eventually('all were accepted', async () => clients.every(({ pending }) => !pending));
      await eventually('none is left', async () => (await count()) === 0);
    } finally {
      for (const client of clients) client.destroy();
      await close();
    }
  });
});
