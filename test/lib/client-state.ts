import type { Channel, Document, LiveEvent, Member, Message, Page, PrincipalRef } from '@atrium/contracts';
import type { Api } from './api.js';

type MemberFacts = Pick<Member, 'role' | 'suspendedAt' | 'displayName'>;
type ChannelRole = 'admin' | 'member';
const keyOf = (ref: PrincipalRef) => `${ref.kind}:${ref.id}`;

/**
 * What a client knows of its organization, and how events change it: the reference for what a client has to do. Subscribe first, then
 * fetch, then apply what is newer than each list. Unread and mention counts are not kept; they are asked for.
 */
export class ClientState {
  readonly channels = new Map<string, Channel>();
  readonly messages = new Map<string, Message>();
  readonly channelMembers = new Map<string, Map<string, ChannelRole>>();
  readonly documents = new Map<string, Document>();
  readonly members = new Map<string, MemberFacts>();
  /** Channels that came into sight by an event: what was said there before has to be fetched. */
  private readonly unfetched = new Set<string>();
  /** The seq of the log that each fetched list stands for. */
  private readonly listSeqs = new Map<string, number>();

  private constructor(
    private readonly selfId: string,
    private readonly isGuest: boolean,
  ) {}

  /** Everything that the person of `api` may read. */
  static async fetch(api: Api, self: { id: string; role: string }): Promise<ClientState> {
    const state = new ClientState(self.id, self.role === 'guest');
    for (const channel of await state.list<Channel>(api, '/v1/channels', 'channels')) state.channels.set(channel.id, channel);
    for (const id of [...state.channels.keys()]) await state.fetchChannel(api, id);
    for (const document of await state.list<Document>(api, '/v1/documents', 'documents')) state.documents.set(document.id, document);
    if (state.isGuest) return state;
    for (const { userId, role, suspendedAt, displayName } of await state.list<Member>(api, '/v1/members', 'members')) {
      state.members.set(userId, { role, suspendedAt, displayName });
    }
    return state;
  }

  apply(event: LiveEvent): void {
    const [area] = event.type.split('.');
    if (event.type.startsWith('chat.message')) this.applyMessage(event);
    else if (area === 'chat') this.applyChannel(event);
    else if (area === 'documents') this.applyDocument(event);
    else if (area === 'organizations') this.applyMember(event);
  }

  /** Fetches what events could only point at. */
  async settle(api: Api): Promise<void> {
    for (const id of this.unfetched) if (this.channels.has(id)) await this.fetchChannel(api, id);
    this.unfetched.clear();
  }

  /** All of it as plain data in a fixed order, without what is not kept. */
  comparable(): unknown {
    const sorted = <V>(map: ReadonlyMap<string, V>) => Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1)));
    const channels = new Map([...this.channels].map(([id, { unread: _unread, mentions: _mentions, ...kept }]) => [id, kept]));
    const channelMembers = new Map([...this.channelMembers].map(([id, members]) => [id, sorted(members)]));
    return {
      channels: sorted(channels),
      messages: sorted(this.messages),
      channelMembers: sorted(channelMembers),
      documents: sorted(this.documents),
      members: sorted(this.members),
    };
  }

  private async fetchChannel(api: Api, id: string): Promise<void> {
    for (const message of await this.list<Message>(api, `/v1/channels/${id}/messages`, `messages:${id}`))
      this.messages.set(message.id, message);
    const members = await this.list<PrincipalRef & { role: ChannelRole }>(api, `/v1/channels/${id}/members`, `members:${id}`);
    this.channelMembers.set(id, new Map(members.map((member) => [keyOf(member), member.role])));
  }

  /** All pages. The list stands for the seq of its first page: later ones are newer, and what happened in between is told. */
  private async list<T>(api: Api, path: string, name: string): Promise<T[]> {
    const items: T[] = [];
    let cursor: string | null = null;
    do {
      const answer: { status: number; headers: Headers; body: Page<T> } = await api.call<Page<T>>('GET', path, {
        query: { limit: 200, cursor: cursor ?? undefined },
      });
      if (answer.status !== 200) throw new Error(`GET ${path} answered ${answer.status}`);
      if (cursor === null) this.listSeqs.set(name, Number(answer.headers.get('x-event-seq')));
      items.push(...answer.body.data);
      cursor = answer.body.nextCursor;
    } while (cursor !== null);
    return items;
  }

  /** Whether the list does not stand for this event yet. */
  private isNews(event: LiveEvent, list: string): boolean {
    return event.seq > (this.listSeqs.get(list) ?? 0);
  }

  private applyMessage({ data, ...event }: LiveEvent): void {
    const { message, root } = data as unknown as { message: Message; root?: Pick<Message, 'id' | 'replyCount' | 'lastReplyAt'> };
    if (!this.isNews({ data, ...event }, `messages:${message.channelId}`)) return;
    const known = this.messages.get(message.id);
    // Replies are counted by their own events; an older event of the root knows fewer.
    const { replyCount, lastReplyAt } = known && known.replyCount > message.replyCount ? known : message;
    this.messages.set(message.id, { ...message, replyCount, lastReplyAt });
    const answered = root ? this.messages.get(root.id) : undefined;
    if (answered && root) this.messages.set(root.id, { ...answered, ...root });
  }

  private applyChannel(event: LiveEvent): void {
    const data = event.data as {
      channelId: string;
      channel?: Channel;
      member?: PrincipalRef;
      members?: PrincipalRef[];
      role?: ChannelRole;
    };
    if (event.type === 'chat.channel_deleted') this.forget(data.channelId);
    else if (event.type === 'chat.member_removed') this.applyRemoval(event);
    else {
      if (data.channel && this.isNews(event, 'channels')) this.showChannel(event, data.channel);
      if (!this.isNews(event, `members:${data.channelId}`)) return;
      const members = this.membersOf(data.channelId);
      for (const member of data.members ?? []) members.set(keyOf(member), 'admin');
      if (data.member && data.role) members.set(keyOf(data.member), data.role);
    }
  }

  private showChannel(event: LiveEvent, channel: Channel): void {
    const known = this.channels.get(channel.id);
    const { member, members, role } = event.data as { member?: PrincipalRef; members?: PrincipalRef[]; role?: ChannelRole };
    const isMe = (ref: PrincipalRef | undefined) => ref !== undefined && keyOf(ref) === `user:${this.selfId}`;
    const own = isMe(member) ? (role ?? null) : (members ?? []).some(isMe) ? 'admin' : (known?.role ?? null);
    this.channels.set(channel.id, { ...channel, role: own, unread: known?.unread ?? 0, mentions: known?.mentions ?? 0 });
    if (!known) this.unfetched.add(channel.id);
  }

  private applyRemoval(event: LiveEvent): void {
    const { channelId, member, memberCount, promoted } = event.data as unknown as {
      channelId: string;
      member: PrincipalRef;
      memberCount: number;
      promoted?: PrincipalRef;
    };
    const channel = this.channels.get(channelId);
    if (!channel) return;
    const isMe = (ref: PrincipalRef | undefined) => ref !== undefined && keyOf(ref) === `user:${this.selfId}`;
    if (isMe(member) && (channel.kind !== 'public' || this.isGuest)) return this.forget(channelId);
    if (this.isNews(event, 'channels')) {
      const role = isMe(member) ? null : isMe(promoted) ? 'admin' : channel.role;
      this.channels.set(channelId, { ...channel, memberCount, role });
    }
    if (!this.isNews(event, `members:${channelId}`)) return;
    this.membersOf(channelId).delete(keyOf(member));
    if (promoted) this.membersOf(channelId).set(keyOf(promoted), 'admin');
  }

  private applyDocument(event: LiveEvent): void {
    const { documentId, document } = event.data as unknown as { documentId: string; document?: Document };
    if (!this.isNews(event, 'documents')) return;
    if (event.type === 'documents.removed') this.documents.delete(documentId);
    else if (document && 'title' in document) this.documents.set(documentId, document);
    // Who may no longer read a document is told so without its text.
    else if (document) this.documents.delete(documentId);
  }

  private applyMember(event: LiveEvent): void {
    if (event.subject.kind !== 'user' || this.isGuest || !this.isNews(event, 'members')) return;
    const { id } = event.subject;
    if (event.type === 'organizations.member_removed') this.members.delete(id);
    else {
      const known = this.members.get(id) ?? { role: 'member', suspendedAt: null, displayName: '' };
      const { role, suspendedAt, displayName } = event.data as Partial<MemberFacts>;
      this.members.set(id, {
        role: role ?? known.role,
        suspendedAt: suspendedAt === undefined ? known.suspendedAt : suspendedAt,
        displayName: displayName ?? known.displayName,
      });
      if (displayName !== undefined) this.rename(id, displayName);
    }
  }

  private rename(userId: string, displayName: string): void {
    for (const [id, message] of this.messages) {
      if (message.author.kind === 'user' && message.author.id === userId) {
        this.messages.set(id, { ...message, author: { ...message.author, displayName } });
      }
    }
  }

  private forget(channelId: string): void {
    this.channels.delete(channelId);
    this.channelMembers.delete(channelId);
    for (const [id, message] of this.messages) if (message.channelId === channelId) this.messages.delete(id);
  }

  private membersOf(channelId: string): Map<string, ChannelRole> {
    const members = this.channelMembers.get(channelId) ?? new Map<string, ChannelRole>();
    this.channelMembers.set(channelId, members);
    return members;
  }
}

/**
 * Applies the events told to the state from before and demands that a fresh fetch gives the same. Call it when nothing is being written
 * and the client has got every event.
 */
export async function replayEqualsFetch(
  before: ClientState,
  events: readonly LiveEvent[],
  api: Api,
  self: { id: string; role: string },
): Promise<void> {
  for (const event of events) before.apply(event);
  await before.settle(api);
  const fresh = await ClientState.fetch(api, self);
  expect(before.comparable()).toEqual(fresh.comparable());
}
