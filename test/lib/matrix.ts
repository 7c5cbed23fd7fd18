import { createHash, randomUUID } from 'node:crypto';
import type { Agent, Channel, CreatedApiKey, Document, Memory, Message, Page, Role, SignedIn } from '@atrium/contracts';
import { TABLES } from '@atrium/platform/db';
import { anonymous, Api, eventually, newColleague, type Person } from './api.js';
import type { IdPosition, Operation } from './openapi.js';
import { withClient } from './row-security.js';
import { testRun } from './run.js';

/** An organization with somebody of every kind in it and `mark` in every text that a person can write. */
export interface Tenant {
  mark: string;
  orgId: string;
  owner: Person;
  admin: Person;
  member: Person;
  guest: Person;
  /** Was removed; the access token is from before. */
  removed: Person;
  suspended: Person;
  agentId: string;
  /** A key that names the assistant, made by the owner. */
  agentKey: Api;
  channel: Channel;
  /** Starts a thread that has a reply. */
  message: Message;
  /** Ready. */
  document: Document;
  /** Private to the owner. */
  memory: Memory;
}

/** What a request says beside its route. */
export interface Call {
  path?: Record<string, string>;
  query?: Record<string, string>;
  /** A string is sent as it is. */
  body?: unknown;
  headers?: Record<string, string>;
}

export interface RawAnswer {
  status: number;
  headers: Record<string, string>;
  text: string;
}

const BUSY = /"code":"request\.(overloaded|database_unavailable)"/;

export async function newTenant(mark: string, baseUrl = testRun().baseUrl): Promise<Tenant> {
  const owner = await register(mark, baseUrl);
  const colleague = (role: Role) => newColleague(owner, role, `Colleague ${mark}`);
  const [admin, member, guest, removed, suspended] = [
    await colleague('admin'),
    await colleague('member'),
    await colleague('guest'),
    await colleague('member'),
    await colleague('member'),
  ];
  await owner.api.delete(`/v1/members/${removed.user.id}`);
  await owner.api.patch(`/v1/members/${suspended.user.id}`, { suspended: true });
  const { data: agents } = await owner.api.get<Page<Agent>>('/v1/agents');
  const agentId = agents[0]?.id ?? randomUUID();
  const { key } = await owner.api.post<CreatedApiKey>('/v1/api-keys', { name: `Key ${mark}`, agentId });
  await owner.api.post('/v1/invitations', { email: `invited-${mark}@example.com` });
  const channel = await owner.api.post<Channel>('/v1/channels', { name: `Channel ${mark}`, topic: mark, description: mark });
  const message = await owner.api.post<Message>(`/v1/channels/${channel.id}/messages`, { body: `First ${mark}`, clientId: mark });
  await owner.api.patch(`/v1/messages/${message.id}`, { body: `Second ${mark}` });
  await member.api.post(`/v1/channels/${channel.id}/members`, { id: member.user.id });
  await member.api.post(`/v1/channels/${channel.id}/messages`, { body: `Reply ${mark}`, threadId: message.id });
  const document = await readyDocument(owner, mark);
  const memory = await owner.api.post<Memory>('/v1/memories', {
    content: `The memory of ${mark} is about tomatoes`,
    subject: `Subject ${mark}`,
    predicate: `predicate ${mark}`,
    tags: [mark],
    metadata: { note: mark },
  });
  return {
    mark,
    orgId: owner.organization.id,
    owner,
    admin,
    member,
    guest,
    removed,
    suspended,
    agentId,
    agentKey: new Api(key, baseUrl),
    channel,
    message,
    document,
    memory,
  };
}

/** A document with the mark in title, file name, metadata and text. */
async function readyDocument({ api }: Person, mark: string): Promise<Document> {
  const form = new FormData();
  form.set('title', `Title ${mark}`);
  form.set('metadata', JSON.stringify({ note: mark }));
  form.set('file', new Blob([`# Heading ${mark}\n\nThe plan of ${mark} is to grow tomatoes.`], { type: 'text/markdown' }), `${mark}.md`);
  const { id } = await api.ok<Document>('POST', '/v1/documents', { body: form });
  return eventually('the document is ready', async () => {
    const document = await api.get<Document>(`/v1/documents/${id}`);
    return document.status === 'ready' && document;
  });
}

async function register(mark: string, baseUrl: string): Promise<Person> {
  const email = `owner-${mark}-${randomUUID()}@example.com`;
  const password = `pw ${randomUUID()}`;
  const signedIn = await anonymous(baseUrl).post<SignedIn>('/v1/auth/register', {
    email,
    password,
    displayName: `Owner ${mark}`,
    organizationName: `Organization ${mark}`,
  });
  return { ...signedIn, email, password, api: new Api(signedIn.accessToken, baseUrl) };
}

/**
 * Sends exactly this, with a request id of the caller's choice so that two answers can be compared byte by byte; again, as every client
 * should, when the server was too busy.
 */
export async function send(
  api: Api,
  operation: Pick<Operation, 'method' | 'path'>,
  call: Call,
  requestId: string,
  triesLeft = 3,
): Promise<RawAnswer> {
  const path = operation.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(call.path?.[name] ?? ''));
  const url = new URL(path, api.baseUrl);
  for (const [name, value] of Object.entries(call.query ?? {})) url.searchParams.set(name, value);
  const isForm = call.body instanceof FormData;
  const response = await fetch(url, {
    method: operation.method,
    headers: {
      'x-request-id': requestId,
      ...(api.token ? { authorization: `Bearer ${api.token}` } : {}),
      ...(call.body === undefined || isForm ? {} : { 'content-type': 'application/json' }),
      ...call.headers,
    },
    ...(call.body === undefined
      ? {}
      : { body: isForm || typeof call.body === 'string' ? (call.body as FormData | string) : JSON.stringify(call.body) }),
  });
  const { date: _date, ...headers } = Object.fromEntries(response.headers);
  const text = await response.text();
  if (response.status === 503 && triesLeft > 1 && BUSY.test(text)) return send(api, operation, call, requestId, triesLeft - 1);
  return { status: response.status, headers, text };
}

/** The id that the call has at the position; undefined when the control does not fill it. */
export function idAt(call: Call, { in: place, at }: IdPosition): string | undefined {
  if (place !== 'body') return call[place]?.[at[0] ?? ''];
  const value = at.reduce<unknown>((node, key) => (node as Record<string, unknown> | undefined)?.[key], call.body);
  return typeof value === 'string' ? value : undefined;
}

/** The same call with another id at the position. */
export function withId(call: Call, { in: place, at }: IdPosition, id: string): Call {
  if (place !== 'body') return { ...call, [place]: { ...call[place], [at[0] ?? '']: id } };
  const body = structuredClone(call.body) as Record<string, unknown>;
  const parent = at.slice(0, -1).reduce((node, key) => node[key] as Record<string, unknown>, body);
  parent[at.at(-1) ?? ''] = id;
  return { ...call, body };
}

/** A body that fits as well but is another one: another title or text where there is one, else other bytes. */
export function otherBody({ body, ...call }: Call): Call | null {
  if (body === undefined || body instanceof FormData) return null;
  const changed = ['title', 'text'].find((name) => name in (body as object));
  if (changed) return { ...call, body: { ...body, [changed]: 'Another one' } };
  return { ...call, body: ` ${JSON.stringify(body, null, 2)}` };
}

/** What must be the same for a foreign and a random id: everything but the id itself, and the own log's head, which background work moves. */
export function comparable({ status, headers, text }: RawAnswer, id: string): string {
  const { 'content-disposition': disposition, 'x-event-seq': head, ...others } = headers;
  const own = { disposition: disposition?.replace(/audit-\d+/, 'audit-{seq}'), hasHead: head !== undefined };
  return JSON.stringify({ status, headers: { ...others, ...own }, text }).replaceAll(id, '{id}');
}

/** Every row of the organization in every tenant table, and its people, sessions and key look-ups, as one hash. */
export function hashOf({ orgId }: Tenant): Promise<string> {
  return withClient(testRun().database.ownerUrl, async (client) => {
    const hash = createHash('sha256');
    const people = `SELECT user_id FROM members WHERE org_id = $1`;
    const tables = [
      ...TABLES.tenant.map((table) => [table, `${table === 'organizations' ? 'id' : 'org_id'} = $1`]),
      ['users', `id IN (${people})`],
      ['sessions', `user_id IN (${people})`],
      ['api_key_lookups', 'org_id = $1'],
      ['incoming_webhook_lookups', 'org_id = $1'],
      ['invitation_lookups', 'org_id = $1'],
    ] as const;
    for (const [table, where] of tables) {
      const { rows } = await client.query<{ row: string }>(`SELECT t::text AS row FROM ${table} t WHERE ${where} ORDER BY 1`, [orgId]);
      hash.update(`${table}:${rows.map(({ row }) => row).join('\n')}\n`);
    }
    return hash.digest('hex');
  });
}

/** The hash once background work (seals, search, answers) has left it alone for two seconds. */
export async function settledHash(tenant: Tenant): Promise<string> {
  let last = '';
  let since = Date.now();
  return eventually(
    'the organization comes to rest',
    async () => {
      const hash = await hashOf(tenant);
      if (hash !== last) since = Date.now();
      last = hash;
      return Date.now() - since > 2_000 && hash;
    },
    30_000,
  );
}
