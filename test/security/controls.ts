import { randomUUID } from 'node:crypto';
import type { Channel, CreatedApiKey, CreatedInvitation, Document, Message, SignedIn } from '@atrium/contracts';
import { anonymous, eventually, newColleague, type Person } from '../lib/api.js';
import type { Call, Tenant } from '../lib/matrix.js';

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
const newDocument = ({ api }: Person) => api.post<Document>('/v1/documents', { title: unique('Title'), text: unique('Text') });
const newMember = (tenant: Tenant) => newColleague(tenant.owner, 'member', `Member ${tenant.mark}`);
const newSession = ({ email, password }: Person) => anonymous().post<SignedIn>('/v1/auth/login', { email, password });
const newInvitation = ({ owner }: Tenant) =>
  owner.api.post<CreatedInvitation>('/v1/invitations', { email: `${randomUUID()}@example.com`, role: 'member' });
const sessionIdOf = ({ accessToken }: SignedIn) =>
  (JSON.parse(Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString()) as { sid: string }).sid;

async function failedDocument({ api }: Person): Promise<Document> {
  const form = new FormData();
  form.set('file', new Blob([Buffer.from('%PDF-1.7\nnot a file at all')], { type: 'application/pdf' }), 'broken.pdf');
  const { id } = await api.ok<Document>('POST', '/v1/documents', { body: form });
  return eventually('the document failed', async () => {
    const document = await api.get<Document>(`/v1/documents/${id}`);
    return document.status === 'failed' && document;
  });
}

/** One control for each operationId; the matrix fails for an operation without one, and for a control without an operation. */
export const CONTROLS: Record<string, Control> = {
  'auth.register': {
    status: 201,
    call: () => ({
      body: { email: `${randomUUID()}@example.com`, password: `pw ${randomUUID()}`, displayName: 'New', organizationName: 'New' },
    }),
    audited: ['instance.signed_in', 'organizations.created', 'organizations.member_added'],
    noChange: (_tenant, by) => ({
      body: { email: by.email, password: `pw ${randomUUID()}`, displayName: 'New', organizationName: 'New' },
    }),
  },
  'auth.login': {
    status: 200,
    call: ({ orgId }, { email, password }) => ({ body: { email, password, organizationId: orgId } }),
    audited: ['instance.signed_in'],
  },
  'auth.refresh': {
    status: 200,
    call: async (_tenant, by) => ({ body: { refreshToken: (await newSession(by)).refreshToken } }),
    audited: [],
    noChange: () => ({ body: { refreshToken: 'unknown' } }),
  },
  'auth.logout': { status: 204, call: () => ({}), asNewPerson: true, audited: ['instance.signed_out'] },
  'auth.logoutAll': { status: 204, call: () => ({}), asNewPerson: true, audited: ['instance.signed_out'] },
  'auth.switch': {
    status: 200,
    call: ({ orgId }) => ({ body: { organizationId: orgId } }),
    audited: ['instance.signed_in'],
  },
  'me.me': read(),
  'me.patch': {
    status: 200,
    call: () => ({ body: { displayName: unique('Name') } }),
    asNewPerson: true,
    audited: ['organizations.member_changed'],
    noChange: (_tenant, by) => ({ body: { displayName: by.user.displayName } }),
  },
  'me.listSessions': read(),
  'me.endSession': {
    status: 204,
    call: async (_tenant, by) => ({ path: { id: sessionIdOf(await newSession(by)) } }),
    audited: ['instance.signed_out'],
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
    audited: ['instance.signed_in', 'organizations.member_added'],
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
  'tools.list': read(),
  'documents.create': {
    status: 202,
    call: () => ({ body: { title: unique('Title'), text: unique('Text') } }),
    audited: ['documents.uploaded'],
    noChange: () => ({ body: { title: '', text: '' } }),
  },
  'documents.list': read(),
  'documents.get': read(({ document }) => ({ path: { id: document.id } })),
  'documents.change': {
    status: 200,
    call: async (_tenant, by) => ({ path: { id: (await newDocument(by)).id }, body: { title: unique('Title') } }),
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
  'audit.list': read(({ owner, message }) => ({ query: { actorId: owner.user.id, subjectId: message.id } })),
  'audit.verify': read(),
  'audit.export': read(({ owner, message }) => ({ query: { actorId: owner.user.id, subjectId: message.id } })),
  'events.read': read(() => ({ headers: { accept: 'application/json' } })),
  'events.ticket': { status: 201, call: () => ({}), audited: [] },
  'search.search': read(({ channel, document }) => ({
    body: { query: 'tomatoes', filters: { channelId: channel.id, documentId: document.id } },
  })),
  'search.find': read(() => ({ query: { q: 'tomatoes' } })),
};

export const HOW_TO_ADD =
  'add it to CONTROLS in test/security/controls.ts: the status of a working call by the owner, the call with an own id in every place that takes one, and the audited events';
