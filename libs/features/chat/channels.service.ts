import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type {
  AddChannelMember,
  AgentId,
  Channel,
  ChannelId,
  ChannelMember,
  CreateChannel,
  PatchChannel,
  PrincipalRef,
} from '@atrium/contracts';
import { GranteesQueries } from '@atrium/features/organizations';
import { Db, isUniqueViolation, type Tx } from '@atrium/platform/db';
import { Conflict, Forbidden, NotFound } from '@atrium/platform/errors';
import { type EventDraft, Events } from '@atrium/platform/events';
import { assertUnchanged } from '@atrium/platform/http';
import { type OrgContext, PrincipalDirectory } from '@atrium/platform/tenancy';
import { type ChannelAccess, assertManages, type ChannelRow, mayManage } from './channel.js';
import { channelChanged, channelCreated, channelDeleted, memberAdded, memberRemoved } from './channel-events.js';
import { ChannelMemberRepository } from './channel-member.repository.js';
import { ChannelRepository } from './channel.repository.js';
import { memberView } from './channels.queries.js';
import { MessageUnits } from './message-units.js';
import { isSame, keyOf, readerOf } from './reader.js';

/** The commands on channels and their members. */
@Injectable()
export class ChannelsService {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly channels: ChannelRepository,
    private readonly members: ChannelMemberRepository,
    private readonly units: MessageUnits,
    private readonly directory: PrincipalDirectory,
    private readonly grantees: GranteesQueries,
  ) {}

  /**
   * Makes a channel whose first member and admin is the caller, and with an agent the person for whom it acts.
   * @throws Conflict `chat.channel_name_taken` for the name of another public channel, in any case of letters; NotFound
   * `chat.member_not_found` for who has left the organization.
   */
  create(ctx: OrgContext, input: CreateChannel): Promise<Channel> {
    const { self, personId } = readerOf(ctx);
    const person: PrincipalRef | null = personId === null ? null : { kind: 'user', id: personId };
    const first = [...(self ? [self] : []), ...(person && !isSame(person, self) ? [person] : [])];
    return nameChecked(
      this.db.inOrg(ctx, async (tx) => {
        await this.assertThere(tx, ctx, first);
        const id = uuidv7() as ChannelId;
        const { name, kind, topic, description } = input;
        const createdAt = new Date();
        await tx.channel.create({
          data: { orgId: ctx.orgId, id, name, kind, topic, description, createdBy: self?.id ?? null, createdAt, updatedAt: createdAt },
        });
        const seq = await this.events.head(tx, ctx);
        for (const member of first) await this.members.insert(tx, ctx, id, member, 'admin', seq);
        const channel = await this.channels.view(tx, ctx, id);
        await this.events.append(tx, ctx, channelCreated(channel, first));
        return channel;
      }),
    );
  }

  /**
   * Renames, describes, archives or opens again. A change that changes nothing tells nothing.
   * @throws Forbidden `chat.not_an_admin`, Conflict `chat.channel_name_taken`, `request.precondition_failed`
   */
  change(ctx: OrgContext, id: ChannelId, input: PatchChannel): Promise<Channel> {
    return nameChecked(
      this.db.inOrg(ctx, async (tx) => {
        const access = await this.channels.lock(tx, ctx, id);
        assertManages(ctx, access);
        assertUnchanged(ctx, access.channel);
        const { row, changes } = changed(access.channel, input);
        if (Object.keys(changes).length === 0) return this.channels.view(tx, ctx, id);
        await tx.channel.updateMany({ where: { orgId: ctx.orgId, id }, data: { ...row, updatedAt: new Date() } });
        const channel = await this.channels.view(tx, ctx, id);
        await this.events.append(tx, ctx, channelChanged(channel, changes));
        return channel;
      }),
    );
  }

  /**
   * The channel is gone for everyone at once, its messages with it, in search too; ChannelErasure takes its content away after that.
   * @throws Forbidden `chat.not_an_admin`
   */
  remove(ctx: OrgContext, id: ChannelId): Promise<void> {
    return this.db.inOrg(ctx, async (tx) => {
      const access = await this.channels.lock(tx, ctx, id);
      assertManages(ctx, access);
      const members = await this.members.refs(tx, ctx, id);
      await this.channels.hide(tx, ctx, id);
      await this.units.hideChannel(tx, ctx, id);
      await this.events.eraseText(tx, ctx, { kind: 'channel', id });
      await this.events.append(tx, ctx, channelDeleted(access.channel, members));
    });
  }

  /**
   * Adds a member. Anyone but guests joins a public channel with their own id; who manages the channel adds others.
   * @throws Forbidden `chat.not_an_admin`, Conflict `chat.already_member`, NotFound `chat.member_not_found` for somebody unknown.
   */
  async addMember(ctx: OrgContext, channelId: ChannelId, input: AddChannelMember): Promise<ChannelMember> {
    const asAgent = { ...input, kind: 'agent' as const };
    const names = await this.directory.displayNames(ctx.orgId, [input, asAgent]);
    return this.db.inOrg(ctx, async (tx) => {
      const access = await this.channels.lock(tx, ctx, channelId);
      assertMayAdd(ctx, access, input);
      if (!names.has(keyOf(input))) throw names.has(keyOf(asAgent)) ? agentMistaken() : strangerRefused();
      await this.assertThere(tx, ctx, [input]);
      const member = await this.insert(tx, ctx, channelId, input, input.role);
      if (!member) throw new Conflict('chat.already_member', 'That principal is a member of the channel already.');
      return memberView(member, names);
    });
  }

  /** Lets an agent into a channel; nothing happens when it is in. For Atrium's own work, which asks nobody. */
  async addAgent(ctx: OrgContext, channelId: ChannelId, agentId: AgentId): Promise<void> {
    await this.db.inOrg(ctx, async (tx) => {
      await this.channels.lock(tx, ctx, channelId);
      await this.insert(tx, ctx, channelId, { kind: 'agent', id: agentId }, 'member');
    });
  }

  /**
   * Members leave; who manages the channel removes others. When the last admin goes, the person of longest standing becomes admin.
   * @throws Forbidden `chat.not_an_admin`, NotFound `chat.member_not_found`
   */
  removeMember(ctx: OrgContext, channelId: ChannelId, member: PrincipalRef): Promise<void> {
    return this.db.inOrg(ctx, async (tx) => {
      const access = await this.channels.lock(tx, ctx, channelId);
      if (!isSame(member, readerOf(ctx).self)) assertManages(ctx, access);
      const before = await this.channels.view(tx, ctx, channelId);
      if (!(await this.members.remove(tx, ctx, channelId, member))) {
        throw new NotFound('chat.member_not_found', 'There is no such member of the channel.');
      }
      const promoted = await this.members.promoteIfNone(tx, ctx, channelId);
      await this.events.append(tx, ctx, memberRemoved({ ...before, memberCount: before.memberCount - 1 }, member, promoted));
    });
  }

  /** People among them stay until the commit, so that Departures sees what they came into. @throws NotFound `chat.member_not_found` */
  private async assertThere(tx: Tx, ctx: OrgContext, members: readonly PrincipalRef[]): Promise<void> {
    if ((await this.grantees.hold(tx, ctx, members)).length > 0) throw strangerRefused();
  }

  private async insert(tx: Tx, ctx: OrgContext, channelId: ChannelId, member: PrincipalRef, role: 'admin' | 'member') {
    const row = await this.members.insert(tx, ctx, channelId, member, role, await this.events.head(tx, ctx));
    if (row) await this.events.append(tx, ctx, memberAdded(await this.channels.view(tx, ctx, channelId), member, role));
    return row;
  }
}

const agentMistaken = () => new NotFound('chat.member_not_found', 'That is an agent: add "kind": "agent".');
const strangerRefused = () => new NotFound('chat.member_not_found', 'There is nobody of this id in the organization.');

/** @throws Forbidden `chat.not_an_admin` */
function assertMayAdd(ctx: OrgContext, access: ChannelAccess, input: AddChannelMember): void {
  const joins = access.channel.kind === 'public' && isSame(input, readerOf(ctx).self) && input.role === 'member';
  if (joins || mayManage(ctx, access)) return;
  throw new Forbidden('chat.not_an_admin', 'Only admins of the channel or of the organization may add others.');
}

/** The columns that change, and what an auditor sees of them. */
function changed(channel: ChannelRow, { archived, ...texts }: PatchChannel) {
  const row: Partial<Pick<ChannelRow, 'name' | 'topic' | 'description' | 'archivedAt'>> = {};
  const changes: NonNullable<EventDraft['changes']> = {};
  for (const field of ['name', 'topic', 'description'] as const) {
    const text = texts[field];
    if (text === undefined || text === channel[field]) continue;
    row[field] = text;
    changes[field] = ['[text]', '[text]'];
  }
  if (archived !== undefined && archived !== (channel.archivedAt !== null)) {
    row.archivedAt = archived ? new Date() : null;
    changes['archivedAt'] = [channel.archivedAt?.toISOString() ?? null, row.archivedAt?.toISOString() ?? null];
  }
  return { row, changes };
}

async function nameChecked<T>(command: Promise<T>): Promise<T> {
  try {
    return await command;
  } catch (error) {
    if (isUniqueViolation(error)) throw new Conflict('chat.channel_name_taken', 'There is a channel of this name. Choose another one.');
    throw error;
  }
}
