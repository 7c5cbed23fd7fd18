import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import type {
  Agent,
  Channel,
  CreatedApiKey,
  CreatedIncomingWebhook,
  CreatedInvitation,
  Document,
  HttpTool,
  McpServer,
  McpServerTool,
  Memory,
  MemoryReviewPage,
  Message,
  ModelBudget,
  ModelProvider,
  Namespace,
  OpenAiModelList,
  Page,
  Pattern,
  Schedule,
  SignedIn,
  Task,
  TaskComment,
  Team,
  WebhookDelivery,
  WebhookWithSecret,
} from '@atrium/contracts';
import { anonymous, eventually, newColleague, type Person } from '../lib/api.js';
import type { Call, Tenant } from '../lib/matrix.js';
import { newApproval, newRun, newWorkflow } from '../lib/workflows.js';
import { newAgent, newWaitingRun, startRun } from '../lib/agents.js';

/**
 * How to make a call of one operation that works. It fills EVERY place where the operation takes an id, with ids of `tenant`: the matrix
 * puts ids of another organization into the same places. What it needs it makes itself by `by`, so that it can be called again.
 */
export interface Control {
  /** What the owner gets. */
  status: number;
  call(tenant: Tenant, by: Person): Call | Promise<Call>;
  /** The call ends or changes the caller's own session, so each one is made by a new person. */
  asNewPerson?: true;
  /** Types of the audited events that the call appends, in the order of the alphabet. Reading operations append none. */
  audited?: string[];
  /** A call that changes nothing and therefore appends nothing: success, or a refusal. */
  noChange?(tenant: Tenant, by: Person): Call | Promise<Call>;
}

const read = (call: Control['call'] = () => ({})): Control => ({ status: 200, call });
const unique = (what: string) => `${what} ${randomUUID().slice(0, 13)}`;

const newChannel = ({ api }: Person) => api.post<Channel>('/v1/channels', { name: unique('Channel') });
const newMessage = ({ api }: Person, tenant: Tenant) =>
  api.post<Message>(`/v1/channels/${tenant.channel.id}/messages`, { body: unique('Message') });
const newDocument = ({ api }: Person, more: object = {}) =>
  api.post<Document>('/v1/documents', { title: unique('Title'), text: unique('Text'), ...more });
const newTask = ({ api }: Person) => api.post<Task>('/v1/tasks', { title: unique('Task') });
const WAITS = { steps: [{ id: 'wait', kind: 'wait', with: { seconds: 3_600 } }] };
const YEARLY = '0 12 29 2 *';
const newSchedule = async (by: Person) => by.api.post<Schedule>('/v1/schedules', { workflowId: (await newWorkflow(by)).id, cron: YEARLY });
const newTaskComment = async (by: Person) => {
  const { id } = await newTask(by);
  const comment = await by.api.post<TaskComment>(`/v1/tasks/${id}/comments`, { body: unique('Comment') });
  return { id, commentId: comment.id };
};
const newTeam = ({ api }: Person) => api.post<Team>('/v1/teams', { name: unique('Team') });
async function newTeamWithMember({ owner, member }: Tenant): Promise<Team> {
  const team = await newTeam(owner);
  await owner.api.post(`/v1/teams/${team.id}/members`, { userId: member.user.id });
  return team;
}
const newMember = (tenant: Tenant) => newColleague(tenant.owner, 'member', `Member ${tenant.mark}`);
const newSession = ({ email, password }: Person) => anonymous().post<SignedIn>('/v1/auth/login', { email, password });
const newInvitation = ({ owner }: Tenant) =>
  owner.api.post<CreatedInvitation>('/v1/invitations', { email: `${randomUUID()}@example.com`, role: 'member' });
const sessionIdOf = ({ accessToken }: SignedIn) =>
  (JSON.parse(Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString()) as { sid: string }).sid;

const newMemory = ({ api }: Person, more: object = {}) => api.post<Memory>('/v1/memories', { content: unique('Memory'), ...more });
const sharedWith = ({ user }: Person) => ({ level: 'shared', grants: [{ kind: 'user', id: user.id }] });
const somePattern = () => ({ name: unique('Pattern'), situation: `The tomatoes of ${unique('garden')} wilt`, action: 'Water them.' });
const newPattern = ({ api }: Person) => api.post<Pattern>('/v1/patterns', somePattern());
const newNamespace = ({ api }: Person) => api.post<Namespace>('/v1/namespaces', { name: unique('Namespace') });

/** An open review: a fact that is less certain than one that is known. */
async function openReview(by: Person): Promise<string> {
  const slot = { subject: unique('Subject'), predicate: 'is' };
  await newMemory(by, slot);
  const { id } = await newMemory(by, { ...slot, confidence: 0.5 });
  const { data } = await by.api.get<z.infer<typeof MemoryReviewPage>>('/v1/memory-reviews', { limit: 200 });
  return data.find(({ proposed }) => proposed.id === id)?.id ?? randomUUID();
}

/** Of an event that no control brings about. */
const someWebhook = () => ({ name: unique('Webhook'), url: 'http://127.0.0.1:9/', events: ['organizations.renamed'] });
const newWebhook = ({ api }: Person) => api.post<WebhookWithSecret>('/v1/webhooks', someWebhook());
/** One that has arrived: at an incoming webhook of this very server. */
async function newDelivery(by: Person): Promise<{ id: string; deliveryId: string }> {
  const { id: workflowId } = await newWorkflow(by, { steps: [{ id: 'pause', kind: 'wait', with: { seconds: 0 } }] });
  const target = { kind: 'workflow', id: workflowId };
  const { path } = await by.api.post<CreatedIncomingWebhook>('/v1/incoming-webhooks', { name: unique('Hook'), target });
  const webhook = { name: unique('Webhook'), url: `${by.api.baseUrl}${path}`, events: ['tasks.created'] };
  const { id } = await by.api.post<WebhookWithSecret>('/v1/webhooks', webhook);
  await newTask(by);
  const deliveryId = await eventually('a delivery', async () => {
    const { data } = await by.api.get<Page<WebhookDelivery>>(`/v1/webhooks/${id}/deliveries`);
    return data[0]?.status === 'succeeded' && data[0].id;
  });
  await by.api.patch(`/v1/webhooks/${id}`, { events: ['organizations.renamed'] });
  return { id, deliveryId };
}
/** This very server, where there is no model; turned off, so that nothing else asks it. Removed ones make room for the next. */
const someProvider = ({ api }: Person) => ({
  name: unique('Provider'),
  baseUrl: `${api.baseUrl}/v1`,
  models: [{ name: 'none', inputMicros: 1, outputMicros: 1 }],
  enabled: false,
});
async function newModelProvider(by: Person): Promise<ModelProvider> {
  const { data } = await by.api.get<Page<ModelProvider>>('/v1/model-providers');
  for (const { id } of data.slice(10)) await by.api.delete(`/v1/model-providers/${id}`);
  return by.api.post<ModelProvider>('/v1/model-providers', someProvider(by));
}
const newAgentBudget = async (by: Person) =>
  by.api.post<ModelBudget>('/v1/model-budgets', { scope: 'agent', subjectId: (await newAgent(by)).id, tokens: 1_000_000 });
const targetOf = ({ channel, agentId }: Tenant) => ({ kind: 'channel', id: channel.id, agentId });
const newIncoming = ({ api }: Person, tenant: Tenant) =>
  api.post<CreatedIncomingWebhook>('/v1/incoming-webhooks', { name: unique('Hook'), target: targetOf(tenant) });

const someMcpServer = () => ({ name: `s${randomUUID().replaceAll('-', '').slice(0, 20)}`, url: 'http://127.0.0.1:9/mcp' });
/** This very server, as another one: with a key of its own. */
async function newMcpServer({ api }: Person): Promise<McpServer> {
  const { key } = await api.post<CreatedApiKey>('/v1/api-keys', { name: 'itself', scopes: ['search:read'] });
  const credential = { kind: 'bearer', token: key };
  return api.post<McpServer>('/v1/mcp-servers', { ...someMcpServer(), url: `${api.baseUrl}/mcp`, credential });
}
async function newMcpTool(by: Person): Promise<McpServerTool> {
  const { id } = await newMcpServer(by);
  await by.api.post(`/v1/mcp-servers/${id}/refresh`);
  const { data } = await by.api.get<Page<McpServerTool>>(`/v1/mcp-servers/${id}/tools`);
  return data[0] as McpServerTool;
}

/** Of this very server: whether it lives. */
const someHttpTool = ({ api }: Person) => ({
  name: `t${randomUUID().replaceAll('-', '')}`,
  description: 'Tells whether it lives.',
  inputSchema: { type: 'object', properties: {}, additionalProperties: false },
  method: 'GET',
  url: `${api.baseUrl}/healthz`,
});
const newHttpTool = (by: Person) => by.api.post<HttpTool>('/v1/http-tools', someHttpTool(by));

async function failedDocument({ api }: Person): Promise<Document> {
  const form = new FormData();
  form.set('file', new Blob([Buffer.from('%PDF-1.7\nnot a file at all')], { type: 'application/pdf' }), 'broken.pdf');
  const { id } = await api.ok<Document>('POST', '/v1/documents', { body: form });
  return eventually('the document failed', async () => {
    const document = await api.get<Document>(`/v1/documents/${id}`);
    return document.status === 'failed' && document;
  });
}

/** The last of the models. */
const embeddingModelOf = async ({ api }: Person) => (await api.get<OpenAiModelList>('/openai/v1/models')).data.at(-1)?.id ?? '';

/** One control for each operationId; the matrix fails for an operation without one, and for a control without an operation. */
export const CONTROLS: Record<string, Control> = {
  'auth.register': {
    status: 201,
    call: () => ({
      body: { email: `${randomUUID()}@example.com`, password: `pw ${randomUUID()}`, displayName: 'New', organizationName: 'New' },
    }),
    audited: ['organizations.created', 'organizations.member_added', 'organizations.signed_in'],
    noChange: (_tenant, by) => ({
      body: { email: by.email, password: `pw ${randomUUID()}`, displayName: 'New', organizationName: 'New' },
    }),
  },
  'auth.login': {
    status: 200,
    call: ({ orgId }, { email, password }) => ({ body: { email, password, organizationId: orgId } }),
    audited: ['organizations.signed_in'],
  },
  'auth.refresh': {
    status: 200,
    call: async (_tenant, by) => ({ body: { refreshToken: (await newSession(by)).refreshToken } }),
    audited: [],
    noChange: () => ({ body: { refreshToken: 'unknown' } }),
  },
  'auth.logout': { status: 204, call: () => ({}), asNewPerson: true, audited: ['organizations.signed_out'] },
  'auth.logoutAll': { status: 204, call: () => ({}), asNewPerson: true, audited: ['organizations.signed_out'] },
  'auth.switch': {
    status: 200,
    call: ({ orgId }) => ({ body: { organizationId: orgId } }),
    audited: ['organizations.signed_in'],
  },
  'me.me': read(),
  'me.patch': {
    status: 200,
    call: () => ({ body: { displayName: unique('Name') } }),
    asNewPerson: true,
    audited: ['organizations.member_changed'],
    noChange: (_tenant, by) => ({ body: { displayName: by.user.displayName } }),
  },
  'me.changePassword': {
    status: 204,
    call: (_tenant, { password }) => ({ body: { currentPassword: password, newPassword: `new ${randomUUID()}` } }),
    asNewPerson: true,
    audited: ['organizations.password_changed'],
  },
  'me.listSessions': read(),
  'me.endSession': {
    status: 204,
    call: async (_tenant, by) => ({ path: { id: sessionIdOf(await newSession(by)) } }),
    audited: ['organizations.signed_out'],
    noChange: () => ({ path: { id: randomUUID() } }),
  },
  'organizations.list': read(),
  'organizations.create': {
    status: 201,
    call: () => ({ body: { name: unique('Organization') } }),
    asNewPerson: true,
    audited: ['organizations.created', 'organizations.member_added'],
  },
  'organizations.get': read(),
  'organizations.patch': {
    status: 200,
    call: ({ mark }) => ({ body: { name: unique(`Organization ${mark}`) } }),
    audited: ['organizations.renamed'],
    noChange: async (_tenant, by) => ({ body: { name: (await by.api.get<{ name: string }>('/v1/organization')).name } }),
  },
  'members.list': read(),
  'members.get': read(({ member }) => ({ path: { userId: member.user.id } })),
  'members.patch': {
    status: 200,
    call: async (tenant) => ({ path: { userId: (await newMember(tenant)).user.id }, body: { role: 'guest' } }),
    audited: ['organizations.member_changed'],
    noChange: ({ member }) => ({ path: { userId: member.user.id }, body: { role: 'member', suspended: false } }),
  },
  'members.remove': {
    status: 204,
    call: async (tenant) => ({ path: { userId: (await newMember(tenant)).user.id } }),
    audited: ['organizations.member_removed'],
    noChange: () => ({ path: { userId: randomUUID() } }),
  },
  'teams.list': read(),
  'teams.create': {
    status: 201,
    call: () => ({ body: { name: unique('Team') } }),
    audited: ['organizations.team_created'],
    noChange: async (_tenant, by) => ({ body: { name: (await newTeam(by)).name.toUpperCase() } }),
  },
  'teams.get': read(async ({ owner }) => ({ path: { id: (await newTeam(owner)).id } })),
  'teams.change': {
    status: 200,
    call: async ({ owner }) => ({ path: { id: (await newTeam(owner)).id }, body: { name: unique('Team') } }),
    audited: ['organizations.team_changed'],
    noChange: async ({ owner }) => {
      const { id, name } = await newTeam(owner);
      return { path: { id }, body: { name } };
    },
  },
  'teams.remove': {
    status: 204,
    call: async ({ owner }) => ({ path: { id: (await newTeam(owner)).id } }),
    audited: ['organizations.team_deleted'],
    noChange: () => ({ path: { id: randomUUID() } }),
  },
  'teams.listMembers': read(async ({ owner }) => ({ path: { id: (await newTeam(owner)).id } })),
  'teams.addMember': {
    status: 201,
    call: async ({ owner, member }) => ({ path: { id: (await newTeam(owner)).id }, body: { userId: member.user.id } }),
    audited: ['organizations.team_member_added'],
    noChange: async (tenant) => ({ path: { id: (await newTeamWithMember(tenant)).id }, body: { userId: tenant.member.user.id } }),
  },
  'teams.changeMember': {
    status: 200,
    call: async (tenant) => ({
      path: { id: (await newTeamWithMember(tenant)).id, userId: tenant.member.user.id },
      body: { role: 'lead' },
    }),
    audited: ['organizations.team_member_changed'],
    noChange: async (tenant) => ({
      path: { id: (await newTeamWithMember(tenant)).id, userId: tenant.member.user.id },
      body: { role: 'member' },
    }),
  },
  'teams.removeMember': {
    status: 204,
    call: async (tenant) => ({ path: { id: (await newTeamWithMember(tenant)).id, userId: tenant.member.user.id } }),
    audited: ['organizations.team_member_removed'],
    noChange: async ({ owner }) => ({ path: { id: (await newTeam(owner)).id, userId: randomUUID() } }),
  },
  'invitations.list': read(),
  'invitations.create': {
    status: 201,
    call: () => ({ body: { email: `${randomUUID()}@example.com`, role: 'member' } }),
    audited: ['organizations.invitation_created'],
    noChange: ({ member }) => ({ body: { email: member.email, role: 'member' } }),
  },
  'invitations.withdraw': {
    status: 204,
    call: async (tenant) => ({ path: { id: (await newInvitation(tenant)).id } }),
    audited: ['organizations.invitation_withdrawn'],
    noChange: () => ({ path: { id: randomUUID() } }),
  },
  'invitations.accept': {
    status: 201,
    call: async (tenant) => ({
      body: { token: (await newInvitation(tenant)).token, password: `pw ${randomUUID()}`, displayName: 'Invited' },
    }),
    audited: ['organizations.member_added', 'organizations.signed_in'],
    noChange: () => ({ body: { token: 'unknown', password: `pw ${randomUUID()}`, displayName: 'Invited' } }),
  },
  'apiKeys.list': read(),
  'apiKeys.create': {
    status: 201,
    call: ({ agentId }) => ({ body: { name: unique('Key'), agentId } }),
    audited: ['organizations.api_key_created'],
    noChange: () => ({ body: { name: unique('Key'), agentId: randomUUID() } }),
  },
  'apiKeys.revoke': {
    status: 204,
    call: async (_tenant, by) => ({ path: { id: (await by.api.post<CreatedApiKey>('/v1/api-keys', { name: unique('Key') })).id } }),
    audited: ['organizations.api_key_revoked'],
    noChange: () => ({ path: { id: randomUUID() } }),
  },
  'channels.list': read(),
  'channels.create': {
    status: 201,
    call: () => ({ body: { name: unique('Channel') } }),
    audited: ['chat.channel_created'],
    noChange: ({ channel }) => ({ body: { name: channel.name } }),
  },
  'channels.get': read(({ channel }) => ({ path: { id: channel.id } })),
  'channels.change': {
    status: 200,
    call: async (_tenant, by) => ({ path: { id: (await newChannel(by)).id }, body: { topic: 'Another' } }),
    audited: ['chat.channel_changed'],
    noChange: ({ channel }) => ({ path: { id: channel.id }, body: { name: channel.name, topic: channel.topic, archived: false } }),
  },
  'channels.remove': {
    status: 204,
    call: async (_tenant, by) => ({ path: { id: (await newChannel(by)).id } }),
    audited: ['chat.channel_deleted'],
    noChange: () => ({ path: { id: randomUUID() } }),
  },
  'channels.listMembers': read(({ channel }) => ({ path: { id: channel.id } })),
  'channels.addMember': {
    status: 201,
    call: async ({ member }, by) => ({ path: { id: (await newChannel(by)).id }, body: { id: member.user.id } }),
    audited: ['chat.member_added'],
    noChange: ({ channel, owner }) => ({ path: { id: channel.id }, body: { id: owner.user.id } }),
  },
  'channels.removeMember': {
    status: 204,
    call: async ({ member }, by) => {
      const { id } = await newChannel(by);
      await by.api.post(`/v1/channels/${id}/members`, { id: member.user.id });
      return { path: { id, memberId: member.user.id } };
    },
    audited: ['chat.member_removed'],
    noChange: ({ channel }) => ({ path: { id: channel.id, memberId: randomUUID() } }),
  },
  'messages.list': read(({ channel }) => ({ path: { id: channel.id } })),
  'messages.post': {
    status: 201,
    call: ({ channel, message }) => ({ path: { id: channel.id }, body: { body: unique('Message'), threadId: message.id } }),
    audited: ['chat.message_posted'],
    noChange: ({ channel, message, mark }) => ({ path: { id: channel.id }, body: { body: message.body, clientId: mark } }),
  },
  'messages.get': read(({ message }) => ({ path: { id: message.id } })),
  'messages.edit': {
    status: 200,
    call: async (tenant, by) => ({ path: { id: (await newMessage(by, tenant)).id }, body: { body: unique('Edited') } }),
    audited: ['chat.message_edited'],
    noChange: ({ message, mark }) => ({ path: { id: message.id }, body: { body: `Second ${mark}` } }),
  },
  'messages.remove': {
    status: 204,
    call: async (tenant, by) => ({ path: { id: (await newMessage(by, tenant)).id } }),
    audited: ['chat.message_deleted'],
    noChange: () => ({ path: { id: randomUUID() } }),
  },
  'messages.thread': read(({ message }) => ({ path: { id: message.id } })),
  'messages.revisions': read(({ message }) => ({ path: { id: message.id } })),
  'reading.markRead': {
    status: 200,
    call: ({ channel, message }) => ({ path: { id: channel.id }, body: { seq: message.seq } }),
    audited: [],
    noChange: ({ channel }) => ({ path: { id: channel.id }, body: { seq: 0 } }),
  },
  'reading.unread': read(),
  'agents.list': read(),
  'agents.get': read(({ agentId }) => ({ path: { id: agentId } })),
  'agents.create': {
    status: 201,
    call: () => ({ body: { name: `a${randomUUID().slice(0, 13)}`, tools: ['search'] } }),
    audited: ['agents.created'],
    noChange: () => ({ body: { name: 'assistant' } }),
  },
  'agents.export': read(),
  'agents.import': {
    status: 200,
    call: () => ({ body: { agents: [{ name: `a${randomUUID().slice(0, 13)}`, tools: ['search'] }] } }),
    audited: ['agents.created'],
    noChange: () => ({ body: { agents: [] } }),
  },
  'agents.change': {
    status: 200,
    call: async (_tenant, by) => ({ path: { id: (await newAgent(by)).id }, body: { instructions: unique('Be') } }),
    audited: ['agents.changed'],
    noChange: async (_tenant, by) => ({ path: { id: (await newAgent(by)).id }, body: { instructions: '' } }),
  },
  'agents.remove': {
    status: 204,
    call: async (_tenant, by) => ({ path: { id: (await newAgent(by)).id } }),
    audited: ['agents.changed'],
    noChange: ({ agentId }) => ({ path: { id: agentId } }),
  },
  'agents.listVersions': read(({ agentId }) => ({ path: { id: agentId } })),
  'agents.getVersion': read(({ agentId }) => ({ path: { id: agentId, number: '1' } })),
  'agents.heartbeat': { status: 200, call: async (_tenant, by) => ({ path: { id: (await newAgent(by)).id } }), audited: [] },
  'agents.start': {
    status: 202,
    call: async (_tenant, by) => ({ path: { id: (await newAgent(by)).id }, body: { prompt: unique('Do') } }),
    audited: ['agents.run_started'],
    noChange: () => ({ path: { id: randomUUID() }, body: { prompt: 'Do it.' } }),
  },
  'agentRuns.list': read(async (_tenant, by) => ({ query: { agentId: (await newAgent(by)).id } })),
  'agentRuns.get': read(async (_tenant, by) => ({ path: { id: (await startRun(by, await newAgent(by))).id } })),
  'agentRuns.cancel': {
    status: 200,
    call: async (_tenant, by) => ({ path: { id: (await newWaitingRun(by, await newAgent(by))).id } }),
    audited: ['agents.run_cancelled', 'agents.step_ended'],
    noChange: () => ({ path: { id: randomUUID() } }),
  },
  'agentRuns.reconcile': {
    status: 200,
    call: async (_tenant, by) => ({ path: { id: (await newWaitingRun(by, await newAgent(by))).id }, body: { step: 1, outcome: 'done' } }),
    audited: ['agents.run_reconciled', 'agents.step_ended'],
    noChange: async (_tenant, by) => ({
      path: { id: (await newWaitingRun(by, await newAgent(by))).id },
      body: { step: 2, outcome: 'done' },
    }),
  },
  'tools.list': read(),
  'documents.create': {
    status: 202,
    call: ({ member }) => ({ body: { title: unique('Title'), text: unique('Text'), access: sharedWith(member) } }),
    audited: ['documents.uploaded'],
    noChange: () => ({ body: { title: '', text: '' } }),
  },
  'documents.list': read(),
  'documents.get': read(async ({ member }, by) => ({ path: { id: (await newDocument(by, { access: sharedWith(member) })).id } })),
  'documents.change': {
    status: 200,
    call: async ({ member }, by) => ({
      path: { id: (await newDocument(by)).id },
      body: { title: unique('Title'), access: sharedWith(member) },
    }),
    audited: ['documents.changed'],
    noChange: ({ document }) => ({ path: { id: document.id }, body: { title: document.title } }),
  },
  'documents.remove': {
    status: 204,
    call: async (_tenant, by) => ({ path: { id: (await newDocument(by)).id } }),
    audited: ['documents.removed'],
    noChange: () => ({ path: { id: randomUUID() } }),
  },
  'documents.retry': {
    status: 202,
    call: async (_tenant, by) => ({ path: { id: (await failedDocument(by)).id } }),
    audited: ['documents.retried'],
    noChange: ({ document }) => ({ path: { id: document.id } }),
  },
  'documentVersions.list': read(({ document }) => ({ path: { id: document.id } })),
  'documentVersions.add': {
    status: 202,
    call: async (_tenant, by) => ({ path: { id: (await newDocument(by)).id }, body: { text: unique('Text') } }),
    audited: ['documents.version_added'],
    noChange: ({ document }) => ({ path: { id: document.id }, body: { text: '' } }),
  },
  'documentVersions.content': read(({ document }) => ({ path: { id: document.id } })),
  'documentVersions.text': read(({ document }) => ({ path: { id: document.id } })),
  'documentVersions.chunks': read(({ document }) => ({ path: { id: document.id } })),
  'tasks.list': read(({ owner, member }) => ({ query: { createdById: owner.user.id, assigneeId: member.user.id } })),
  'tasks.create': {
    status: 201,
    call: async ({ channel, message, member }, by) => ({
      body: {
        title: unique('Task'),
        assignee: { kind: 'user', id: member.user.id },
        dependsOn: [(await newTask(by)).id],
        source: { channelId: channel.id, messageId: message.id },
      },
    }),
    audited: ['tasks.created'],
    noChange: () => ({ body: { title: '' } }),
  },
  'tasks.get': read(async (_tenant, by) => ({ path: { id: (await newTask(by)).id } })),
  'tasks.change': {
    status: 200,
    call: async ({ member }, by) => ({
      path: { id: (await newTask(by)).id },
      body: { assignee: { kind: 'user', id: member.user.id }, dependsOn: [(await newTask(by)).id] },
    }),
    audited: ['tasks.changed'],
    noChange: async (_tenant, by) => {
      const { id, title } = await newTask(by);
      return { path: { id }, body: { title } };
    },
  },
  'tasks.remove': {
    status: 204,
    call: async (_tenant, by) => ({ path: { id: (await newTask(by)).id } }),
    audited: ['tasks.removed'],
    noChange: () => ({ path: { id: randomUUID() } }),
  },
  'tasks.listDependencies': read(async (_tenant, by) => ({ path: { id: (await newTask(by)).id } })),
  'tasks.addDependency': {
    status: 201,
    call: async (_tenant, by) => ({ path: { id: (await newTask(by)).id }, body: { taskId: (await newTask(by)).id } }),
    audited: ['tasks.changed'],
    noChange: async (_tenant, by) => {
      const { id } = await newTask(by);
      return { path: { id }, body: { taskId: id } };
    },
  },
  'tasks.removeDependency': {
    status: 200,
    call: async (_tenant, by) => {
      const dependency = await newTask(by);
      const { id } = await by.api.post<Task>('/v1/tasks', { title: unique('Task'), dependsOn: [dependency.id] });
      return { path: { id, taskId: dependency.id } };
    },
    audited: ['tasks.changed'],
    noChange: async (_tenant, by) => ({ path: { id: (await newTask(by)).id, taskId: randomUUID() } }),
  },
  'tasks.listComments': read(async (_tenant, by) => ({ path: { id: (await newTask(by)).id } })),
  'tasks.addComment': {
    status: 201,
    call: async (_tenant, by) => ({ path: { id: (await newTask(by)).id }, body: { body: unique('Comment') } }),
    audited: ['tasks.comment_added'],
    noChange: async (_tenant, by) => ({ path: { id: (await newTask(by)).id }, body: { body: ' ' } }),
  },
  'tasks.changeComment': {
    status: 200,
    call: async (_tenant, by) => ({ path: await newTaskComment(by), body: { body: unique('Comment') } }),
    audited: ['tasks.comment_changed'],
    noChange: async (_tenant, by) => {
      const { id } = await newTask(by);
      return { path: { id, commentId: randomUUID() }, body: { body: 'Other' } };
    },
  },
  'tasks.removeComment': {
    status: 204,
    call: async (_tenant, by) => ({ path: await newTaskComment(by) }),
    audited: ['tasks.comment_removed'],
    noChange: async (_tenant, by) => ({ path: { id: (await newTask(by)).id, commentId: randomUUID() } }),
  },
  'memories.add': {
    status: 201,
    call: ({ member }) => ({ body: { content: unique('Memory'), access: sharedWith(member) } }),
    audited: ['memory.added'],
    noChange: ({ memory }) => ({ body: { content: memory.content, subject: memory.subject, predicate: memory.predicate } }),
  },
  'memories.list': read(),
  'memories.search': { ...read(() => ({ body: { query: 'tomatoes' } })), audited: [] },
  'memories.addAll': {
    status: 200,
    call: ({ member }) => ({ body: { memories: [{ content: unique('Memory'), access: sharedWith(member) }] } }),
    audited: ['memory.added'],
    noChange: ({ memory }) => ({ body: { memories: [{ content: memory.content, subject: memory.subject, predicate: memory.predicate }] } }),
  },
  'memories.extract': {
    status: 200,
    call: ({ member }) => ({
      body: { messages: [{ content: `Remember that ${unique('tomatoes')} grow` }], access: sharedWith(member) },
    }),
    audited: ['memory.added'],
    noChange: () => ({ body: { messages: [{ content: 'Remember that tomatoes grow' }], dryRun: true } }),
  },
  'memories.get': read(({ memory }) => ({ path: { id: memory.id } })),
  'memories.change': {
    status: 200,
    call: async ({ member }, by) => ({ path: { id: (await newMemory(by)).id }, body: { access: sharedWith(member) } }),
    audited: ['memory.changed'],
    noChange: ({ memory }) => ({ path: { id: memory.id }, body: { content: memory.content } }),
  },
  'memories.forget': {
    status: 204,
    call: async (_tenant, by) => ({ path: { id: (await newMemory(by)).id } }),
    audited: ['memory.forgotten'],
    noChange: () => ({ path: { id: randomUUID() } }),
  },
  'memories.history': read(({ memory }) => ({ path: { id: memory.id } })),
  'patterns.create': {
    status: 201,
    call: ({ member }) => ({ body: { ...somePattern(), access: sharedWith(member) } }),
    audited: ['memory.pattern_created'],
    noChange: () => ({ body: { ...somePattern(), access: 'nobody' } }),
  },
  'patterns.list': read(({ owner }) => ({ query: { authorId: owner.user.id } })),
  'patterns.suggest': { ...read(() => ({ body: { situation: 'tomatoes' } })), audited: [] },
  'patterns.get': read(async (_tenant, by) => ({ path: { id: (await newPattern(by)).id } })),
  'patterns.change': {
    status: 200,
    call: async ({ member }, by) => ({ path: { id: (await newPattern(by)).id }, body: { access: sharedWith(member) } }),
    audited: ['memory.pattern_changed'],
    noChange: async (_tenant, by) => ({ path: { id: (await newPattern(by)).id }, body: { status: 'active' } }),
  },
  'patterns.remove': {
    status: 204,
    call: async (_tenant, by) => ({ path: { id: (await newPattern(by)).id } }),
    audited: ['memory.pattern_removed'],
    noChange: () => ({ path: { id: randomUUID() } }),
  },
  'patterns.recordUsage': {
    status: 201,
    call: async (_tenant, by) => ({ path: { id: (await newPattern(by)).id }, body: { outcome: 'success' } }),
    audited: ['memory.pattern_used'],
    noChange: async (_tenant, by) => ({
      path: { id: (await newPattern(by)).id },
      body: { outcome: 'success', usedAt: '2999-01-01T00:00:00Z' },
    }),
  },
  'patterns.usages': read(async (_tenant, by) => {
    const { id } = await newPattern(by);
    await by.api.post(`/v1/patterns/${id}/usages`, { outcome: 'success' });
    return { path: { id } };
  }),
  'patternUsages.list': read(({ owner }) => ({ query: { usedById: owner.user.id } })),
  'namespaces.list': read(),
  'namespaces.create': {
    status: 201,
    call: ({ member }) => ({ body: { name: unique('Namespace'), access: sharedWith(member) } }),
    audited: ['memory.namespace_created'],
    noChange: () => ({ body: { name: 'default' } }),
  },
  'namespaces.get': read(({ memory }) => ({ path: { id: memory.namespaceId } })),
  'namespaces.change': {
    status: 200,
    call: async ({ member }, by) => ({ path: { id: (await newNamespace(by)).id }, body: { access: sharedWith(member) } }),
    audited: ['memory.namespace_changed'],
    noChange: ({ memory }) => ({ path: { id: memory.namespaceId }, body: { name: 'default' } }),
  },
  'namespaces.remove': {
    status: 204,
    call: async (_tenant, by) => ({ path: { id: (await newNamespace(by)).id } }),
    audited: ['memory.namespace_removed'],
    noChange: ({ memory }) => ({ path: { id: memory.namespaceId } }),
  },
  'memoryReviews.list': read(),
  'memoryReviews.get': read(async (_tenant, by) => ({ path: { id: await openReview(by) } })),
  'memoryReviews.accept': {
    status: 200,
    call: async (_tenant, by) => ({ path: { id: await openReview(by) } }),
    audited: ['memory.review_decided', 'memory.superseded'],
    noChange: () => ({ path: { id: randomUUID() } }),
  },
  'memoryReviews.reject': {
    status: 200,
    call: async (_tenant, by) => ({ path: { id: await openReview(by) } }),
    audited: ['memory.review_decided'],
    noChange: () => ({ path: { id: randomUUID() } }),
  },
  'approvals.list': read(async ({ channel }, by) => ({ query: { subjectId: (await newApproval(by)).subject.id, channelId: channel.id } })),
  'approvals.get': read(async (_tenant, by) => ({ path: { id: (await newApproval(by)).id } })),
  'approvals.approve': {
    status: 200,
    call: async (_tenant, by) => ({ path: { id: (await newApproval(by)).id }, body: { comment: unique('Yes') } }),
    audited: ['approvals.decided'],
    noChange: () => ({ path: { id: randomUUID() }, body: {} }),
  },
  'approvals.reject': {
    status: 200,
    call: async (_tenant, by) => ({ path: { id: (await newApproval(by)).id }, body: {} }),
    audited: ['approvals.decided'],
    noChange: () => ({ path: { id: randomUUID() }, body: {} }),
  },
  'workflows.list': read(),
  'workflows.create': {
    status: 201,
    call: () => ({ body: { name: unique('Workflow'), definition: WAITS } }),
    audited: ['workflows.created'],
    noChange: async (_tenant, by) => ({ body: { name: (await newWorkflow(by)).name, definition: WAITS } }),
  },
  'workflows.get': read(async (_tenant, by) => ({ path: { id: (await newWorkflow(by)).id } })),
  'workflows.change': {
    status: 200,
    call: async (_tenant, by) => ({ path: { id: (await newWorkflow(by)).id }, body: { name: unique('Workflow') } }),
    audited: ['workflows.changed'],
    noChange: async (_tenant, by) => {
      const { id, name } = await newWorkflow(by);
      return { path: { id }, body: { name } };
    },
  },
  'workflows.remove': {
    status: 204,
    call: async (_tenant, by) => ({ path: { id: (await newWorkflow(by)).id } }),
    audited: ['workflows.removed'],
    noChange: () => ({ path: { id: randomUUID() } }),
  },
  'workflows.listVersions': read(async (_tenant, by) => ({ path: { id: (await newWorkflow(by)).id } })),
  'workflows.addVersion': {
    status: 201,
    call: async (_tenant, by) => ({ path: { id: (await newWorkflow(by)).id }, body: { definition: { ...WAITS, output: { next: true } } } }),
    audited: ['workflows.changed'],
    noChange: async (_tenant, by) => ({ path: { id: (await newWorkflow(by, WAITS)).id }, body: { definition: WAITS } }),
  },
  'workflows.getVersion': read(async (_tenant, by) => ({ path: { id: (await newWorkflow(by)).id, number: '1' } })),
  'workflows.failures': read(async (_tenant, by) => ({ path: { id: (await newWorkflow(by)).id } })),
  'workflows.start': {
    status: 202,
    call: async (_tenant, by) => ({ path: { id: (await newWorkflow(by)).id }, body: { input: { word: unique('Word') } } }),
    audited: ['workflows.run_started'],
    noChange: () => ({ path: { id: randomUUID() }, body: {} }),
  },
  'workflowRuns.list': read(async ({ owner }, by) => ({
    query: { workflowId: (await newWorkflow(by)).id, startedById: owner.user.id },
  })),
  'workflowRuns.get': read(async (_tenant, by) => ({ path: { id: (await newRun(by)).id } })),
  'workflowRuns.cancel': {
    status: 200,
    call: async (_tenant, by) => ({ path: { id: (await newRun(by)).id } }),
    audited: ['workflows.run_cancelled'],
    noChange: () => ({ path: { id: randomUUID() } }),
  },
  'workflowRuns.retry': {
    status: 202,
    call: async (_tenant, by) => ({ path: { id: (await newRun(by, 'failed')).id }, body: {} }),
    audited: ['workflows.run_retried'],
    noChange: async (_tenant, by) => ({ path: { id: (await newRun(by)).id }, body: {} }),
  },
  'workflowRuns.signal': {
    status: 202,
    call: async (_tenant, by) => ({ path: { id: (await newRun(by)).id }, body: { step: 'wait' } }),
    audited: ['workflows.run_signalled'],
    noChange: async (_tenant, by) => ({ path: { id: (await newRun(by)).id }, body: { step: 'other' } }),
  },
  'schedules.list': read(),
  'schedules.create': {
    status: 201,
    call: async (_tenant, by) => ({ body: { workflowId: (await newWorkflow(by)).id, cron: YEARLY } }),
    audited: ['workflows.schedule_created'],
    noChange: async (_tenant, by) => ({ body: { workflowId: (await newWorkflow(by)).id, cron: '0 0 30 2 *' } }),
  },
  'schedules.get': read(async (_tenant, by) => ({ path: { id: (await newSchedule(by)).id } })),
  'schedules.change': {
    status: 200,
    call: async (_tenant, by) => ({ path: { id: (await newSchedule(by)).id }, body: { enabled: false } }),
    audited: ['workflows.schedule_changed'],
    noChange: async (_tenant, by) => ({ path: { id: (await newSchedule(by)).id }, body: { enabled: true } }),
  },
  'schedules.remove': {
    status: 204,
    call: async (_tenant, by) => ({ path: { id: (await newSchedule(by)).id } }),
    audited: ['workflows.schedule_removed'],
    noChange: () => ({ path: { id: randomUUID() } }),
  },
  'mcpServers.list': read(),
  'mcpServers.create': {
    status: 201,
    call: () => ({ body: someMcpServer() }),
    audited: ['mcp-servers.created'],
    noChange: () => ({ body: { ...someMcpServer(), url: 'file:///etc/passwd' } }),
  },
  'mcpServers.get': read(async (_tenant, by) => ({ path: { id: (await newMcpServer(by)).id } })),
  'mcpServers.change': {
    status: 200,
    call: async (_tenant, by) => ({ path: { id: (await newMcpServer(by)).id }, body: { enabled: false } }),
    audited: ['mcp-servers.changed'],
    noChange: async (_tenant, by) => ({ path: { id: (await newMcpServer(by)).id }, body: { enabled: true } }),
  },
  'mcpServers.remove': {
    status: 204,
    call: async (_tenant, by) => ({ path: { id: (await newMcpServer(by)).id } }),
    audited: ['mcp-servers.removed'],
    noChange: () => ({ path: { id: randomUUID() } }),
  },
  'mcpServers.refresh': {
    status: 200,
    call: async (_tenant, by) => ({ path: { id: (await newMcpServer(by)).id } }),
    audited: ['mcp-servers.refreshed'],
    noChange: () => ({ path: { id: randomUUID() } }),
  },
  'mcpServers.listTools': read(async (_tenant, by) => ({ path: { id: (await newMcpServer(by)).id } })),
  'mcpServers.review': {
    status: 200,
    call: async (_tenant, by) => {
      const { serverId, id, hash } = await newMcpTool(by);
      return { path: { id: serverId, toolId: id }, body: { state: 'allowed', hash } };
    },
    audited: ['mcp-servers.tool_reviewed'],
    noChange: async (_tenant, by) => {
      const { serverId, id, hash } = await newMcpTool(by);
      await by.api.patch(`/v1/mcp-servers/${serverId}/tools/${id}`, { state: 'blocked', hash });
      return { path: { id: serverId, toolId: id }, body: { state: 'blocked', hash } };
    },
  },
  'httpTools.list': read(),
  'httpTools.create': {
    status: 201,
    call: (_tenant, by) => ({ body: someHttpTool(by) }),
    audited: ['http-tools.created'],
    noChange: (_tenant, by) => ({ body: { ...someHttpTool(by), url: 'file:///etc/passwd' } }),
  },
  'httpTools.get': read(async (_tenant, by) => ({ path: { id: (await newHttpTool(by)).id } })),
  'httpTools.change': {
    status: 200,
    call: async (_tenant, by) => ({ path: { id: (await newHttpTool(by)).id }, body: { enabled: false } }),
    audited: ['http-tools.changed'],
    noChange: async (_tenant, by) => ({ path: { id: (await newHttpTool(by)).id }, body: { enabled: true } }),
  },
  'httpTools.remove': {
    status: 204,
    call: async (_tenant, by) => ({ path: { id: (await newHttpTool(by)).id } }),
    audited: ['http-tools.removed'],
    noChange: () => ({ path: { id: randomUUID() } }),
  },
  'httpTools.test': {
    status: 200,
    call: async (_tenant, by) => ({ path: { id: (await newHttpTool(by)).id }, body: { arguments: {} } }),
    audited: ['http-tools.called', 'http-tools.tested'],
    noChange: () => ({ path: { id: randomUUID() }, body: {} }),
  },
  'modelProviders.list': read(),
  'modelProviders.create': {
    status: 201,
    call: (_tenant, by) => ({ body: someProvider(by) }),
    audited: ['models.provider_created'],
    noChange: (_tenant, by) => ({ body: { ...someProvider(by), models: [] } }),
  },
  'modelProviders.get': read(async (_tenant, by) => ({ path: { id: (await newModelProvider(by)).id } })),
  'modelProviders.change': {
    status: 200,
    call: async (_tenant, by) => ({ path: { id: (await newModelProvider(by)).id }, body: { name: unique('Provider') } }),
    audited: ['models.provider_changed'],
    noChange: async (_tenant, by) => {
      const { id, name, models } = await newModelProvider(by);
      return { path: { id }, body: { name, models, enabled: false } };
    },
  },
  'modelProviders.remove': {
    status: 204,
    call: async (_tenant, by) => ({ path: { id: (await newModelProvider(by)).id } }),
    audited: ['models.provider_removed'],
    noChange: () => ({ path: { id: randomUUID() } }),
  },
  'modelProviders.test': {
    status: 200,
    call: async (_tenant, by) => ({ path: { id: (await newModelProvider(by)).id }, body: {} }),
    audited: ['models.provider_tested'],
    noChange: () => ({ path: { id: randomUUID() }, body: {} }),
  },
  'modelBudgets.list': read(),
  'modelBudgets.create': {
    status: 201,
    call: async (_tenant, by) => ({ body: { scope: 'agent', subjectId: (await newAgent(by)).id, tokens: 1_000_000 } }),
    audited: ['models.budget_created'],
    noChange: () => ({ body: { scope: 'agent', subjectId: randomUUID(), tokens: 1_000_000 } }),
  },
  'modelBudgets.get': read(async (_tenant, by) => ({ path: { id: (await newAgentBudget(by)).id } })),
  'modelBudgets.change': {
    status: 200,
    call: async (_tenant, by) => ({ path: { id: (await newAgentBudget(by)).id }, body: { costMicros: 5 } }),
    audited: ['models.budget_changed'],
    noChange: async (_tenant, by) => {
      const { id, tokens } = await newAgentBudget(by);
      return { path: { id }, body: { tokens } };
    },
  },
  'modelBudgets.remove': {
    status: 204,
    call: async (_tenant, by) => ({ path: { id: (await newAgentBudget(by)).id } }),
    audited: ['models.budget_removed'],
    noChange: () => ({ path: { id: randomUUID() } }),
  },
  'modelUsage.list': read(),
  'modelUsage.own': read(),
  'webhooks.list': read(),
  'webhooks.create': {
    status: 201,
    call: () => ({ body: someWebhook() }),
    audited: ['webhooks.created'],
    noChange: () => ({ body: { ...someWebhook(), events: ['tasks.nothing'] } }),
  },
  'webhooks.get': read(async (_tenant, by) => ({ path: { id: (await newWebhook(by)).id } })),
  'webhooks.change': {
    status: 200,
    call: async (_tenant, by) => ({ path: { id: (await newWebhook(by)).id }, body: { name: unique('Webhook') } }),
    audited: ['webhooks.changed'],
    noChange: async (_tenant, by) => {
      const { id, name, url } = await newWebhook(by);
      return { path: { id }, body: { name, url, enabled: true } };
    },
  },
  'webhooks.remove': {
    status: 204,
    call: async (_tenant, by) => ({ path: { id: (await newWebhook(by)).id } }),
    audited: ['webhooks.removed'],
    noChange: () => ({ path: { id: randomUUID() } }),
  },
  'webhooks.rotateSecret': {
    status: 200,
    call: async (_tenant, by) => ({ path: { id: (await newWebhook(by)).id } }),
    audited: ['webhooks.secret_rotated'],
    noChange: () => ({ path: { id: randomUUID() } }),
  },
  'webhooks.listDeliveries': read(async (_tenant, by) => ({ path: { id: (await newWebhook(by)).id } })),
  'webhooks.replay': {
    status: 202,
    call: async (_tenant, by) => ({ path: await newDelivery(by) }),
    audited: ['webhooks.delivery_replayed'],
    noChange: async (_tenant, by) => ({ path: { id: (await newWebhook(by)).id, deliveryId: randomUUID() } }),
  },
  'incomingWebhooks.list': read(),
  'incomingWebhooks.create': {
    status: 201,
    call: (tenant) => ({ body: { name: unique('Hook'), target: targetOf(tenant) } }),
    audited: ['webhooks.incoming_created'],
    noChange: (tenant) => ({ body: { name: unique('Hook'), target: { ...targetOf(tenant), agentId: randomUUID() } } }),
  },
  'incomingWebhooks.remove': {
    status: 204,
    call: async (tenant, by) => ({ path: { id: (await newIncoming(by, tenant)).id } }),
    audited: ['webhooks.incoming_removed'],
    noChange: () => ({ path: { id: randomUUID() } }),
  },
  'hooks.receive': {
    status: 202,
    call: async (tenant, by) => ({
      path: { secret: (await newIncoming(by, tenant)).path.slice('/v1/hooks/'.length) },
      body: { text: unique('Alert') },
    }),
    audited: ['chat.message_posted'],
    noChange: () => ({ path: { secret: `hook_${randomUUID()}` }, body: { text: unique('Alert') } }),
  },
  'audit.list': read(({ owner, message }) => ({ query: { actorId: owner.user.id, subjectId: message.id } })),
  'audit.verify': read(),
  'audit.export': read(({ owner, message }) => ({ query: { actorId: owner.user.id, subjectId: message.id } })),
  'events.read': read(() => ({ headers: { accept: 'application/json' } })),
  'events.ticket': { status: 201, call: () => ({}), audited: [] },
  'openAi.listModels': read(),
  'openAi.complete': {
    status: 200,
    call: async (_tenant, by) => {
      await eventually('the assistant is there', async () => (await by.api.get<Page<Agent>>('/v1/agents')).data.length > 0);
      return { body: { model: 'assistant', messages: [{ role: 'user', content: 'What of the tomatoes?' }] } };
    },
    audited: [],
  },
  'openAi.embed': { ...read(async (_tenant, by) => ({ body: { model: await embeddingModelOf(by), input: 'tomatoes' } })), audited: [] },
  'search.search': read(({ channel, document, memory }) => ({
    body: { query: 'tomatoes', filters: { channelId: channel.id, documentId: document.id, namespaceIds: [memory.namespaceId] } },
  })),
  'search.find': read(() => ({ query: { q: 'tomatoes' } })),
  'search.status': read(() => ({})),
};

export const HOW_TO_ADD =
  'add it to CONTROLS in test/security/controls.ts: the status of a working call by the owner, the call with an own id in every place that takes one, and the audited events';
