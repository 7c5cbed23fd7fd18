import { randomUUID } from 'node:crypto';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { v7 as uuidv7 } from 'uuid';
import type { AgentId, OrgId } from '@atrium/contracts';
import { Db, Upkeep } from '@atrium/platform/db';
import {
  Authenticator,
  type Caller,
  type OrgContext,
  PrincipalDirectory,
  type RevocationNotice,
  Revocations,
} from '@atrium/platform/tenancy';
import { openTestApp } from '../../../test/lib/test-app.js';
import { AccountsService } from './accounts.service.js';
import { ApiKeysService } from './api-keys.service.js';
import { InvitationsService } from './invitations.service.js';
import { MembersQueries } from './members.queries.js';
import { MembersService } from './members.service.js';
import type { OpenedSession } from './sessions.service.js';
import { SessionsService } from './sessions.service.js';

const from = (): Caller => ({ requestId: `test-${randomUUID()}`, ip: '127.0.0.1', userAgent: 'jest', idempotency: null, ifMatch: null });
const anybody = () => ({
  email: `${randomUUID()}@example.com`,
  password: `pw ${randomUUID()}`,
  displayName: 'Olivia',
  organizationName: 'Acme',
  transport: 'body' as const,
});

describe('organizations', () => {
  let app: NestFastifyApplication;
  let close: () => Promise<void>;
  const authenticate = (token: string) => app.get(Authenticator).authenticate(token, from());
  const newOrg = async () => {
    const opened = await app.get(AccountsService).register(from(), anybody());
    return { opened, ctx: await authenticate(opened.tokens.accessToken) };
  };
  const join = async (owner: OrgContext, role: 'admin' | 'member' | 'guest' = 'member') => {
    const { email, password, displayName } = anybody();
    const { token } = await app.get(InvitationsService).create(owner, { email, role, expiresInHours: 1 });
    const opened = await app.get(InvitationsService).accept(from(), { token, password, displayName, transport: 'body' });
    return { opened, ctx: await authenticate(opened.tokens.accessToken) };
  };
  const noticesOf = async (work: () => Promise<unknown>) => {
    const notices: RevocationNotice[] = [];
    const stop = app.get(Revocations).listen((notice, origin) => origin === 'here' && notices.push(notice));
    await work();
    stop();
    return notices;
  };

  beforeAll(async () => {
    ({ app, close } = await openTestApp());
  });
  afterAll(() => close());

  it('give a frozen context of who signed in', async () => {
    const { opened, ctx } = await newOrg();

    expect(Object.isFrozen(ctx)).toBe(true);
    expect(ctx).toMatchObject({
      orgId: opened.organization.id,
      principal: { kind: 'user', id: opened.user.id, role: 'owner', onBehalfOf: null },
      credential: { kind: 'session', id: opened.tokens.sessionId },
    });
    expect(ctx.permissions.has('audit:read')).toBe(true);
  });

  it('finish a registration that ended between account and organization', async () => {
    const person = anybody();
    await app.get(AccountsService).create(person.email, person.password, 'Early', uuidv7() as OrgId);

    const wrong = app.get(AccountsService).register(from(), { ...person, password: 'not the password' });
    await expect(wrong).rejects.toMatchObject({ code: 'organizations.email_taken' });
    const opened = await app.get(AccountsService).register(from(), person);

    expect(opened.organization.name).toBe('Acme');
    await expect(app.get(AccountsService).register(from(), person)).rejects.toMatchObject({ code: 'organizations.email_taken' });
  });

  it('let somebody who left everything found anew, once however often they ask', async () => {
    const owner = await newOrg();
    const person = anybody();
    const { token } = await app.get(InvitationsService).create(owner.ctx, { email: person.email, role: 'guest', expiresInHours: 1 });
    const joined = await app.get(InvitationsService).accept(from(), { ...person, token });
    await app.get(MembersService).remove(owner.ctx, joined.user.id);

    const answers = await Promise.allSettled(Array.from({ length: 4 }, () => app.get(AccountsService).register(from(), person)));

    const made = answers.filter((answer): answer is PromiseFulfilledResult<OpenedSession> => answer.status === 'fulfilled');
    expect(made).toHaveLength(1);
    expect(made[0]?.value.organization.id).not.toBe(owner.opened.organization.id);
  });

  it('tell at once whose rights ended', async () => {
    const { ctx: owner } = await newOrg();
    const { orgId } = owner;
    const { ctx: member, opened } = await join(owner);
    const userId = opened.user.id;
    const key = await app.get(ApiKeysService).create(member, { name: 'k' });

    expect(await noticesOf(() => app.get(ApiKeysService).revoke(member, key.id))).toEqual([{ orgId, apiKeyId: key.id }]);
    expect(await noticesOf(() => app.get(SessionsService).logout(member))).toEqual([{ orgId, userId, sessionId: opened.tokens.sessionId }]);
    expect(await noticesOf(() => app.get(MembersService).change(owner, userId, { role: 'guest' }))).toEqual([{ orgId, userId }]);
    expect(await noticesOf(() => app.get(MembersService).change(owner, userId, { role: 'guest' }))).toEqual([]);
    expect(await noticesOf(() => app.get(MembersService).remove(owner, userId))).toEqual([{ orgId, userId }]);
  });

  it('end nothing of somebody who is back when their removal is tried again', async () => {
    const { ctx: owner } = await newOrg();
    const person = anybody();
    const invite = () => app.get(InvitationsService).create(owner, { email: person.email, role: 'guest', expiresInHours: 1 });
    const joined = await app.get(InvitationsService).accept(from(), { ...person, token: (await invite()).token });
    const idempotency = () => ({ key: 'remove', requestHash: 'x', claimed: false, replayed: false });
    await app.get(MembersService).remove({ ...owner, idempotency: idempotency() }, joined.user.id);
    const back = await app.get(InvitationsService).accept(from(), { ...person, token: (await invite()).token });

    await app.get(MembersService).remove({ ...owner, idempotency: idempotency() }, joined.user.id);

    expect(await authenticate(back.tokens.accessToken)).toMatchObject({ principal: { id: joined.user.id } });
  });

  it('know whether a context is still current', async () => {
    const { ctx: owner, opened } = await newOrg();
    const { ctx: member } = await join(owner);
    const authenticator = app.get(Authenticator);
    const { key } = await app.get(ApiKeysService).create(owner, { name: 'k' });
    const byKey = await authenticate(key);

    expect(await Promise.all([owner, member, byKey].map((ctx) => authenticator.isCurrent(ctx)))).toEqual([true, true, true]);
    await app.get(MembersService).remove(owner, member.principal.id as typeof opened.user.id);
    await app.get(SessionsService).logout(owner);

    expect(await Promise.all([owner, member, byKey].map((ctx) => authenticator.isCurrent(ctx)))).toEqual([false, false, true]);
  });

  it('refuse a session that another process ended within five seconds', async () => {
    const { opened } = await newOrg();
    await app
      .get(Db)
      .asIdentity((tx) => tx.session.updateMany({ where: { id: opened.tokens.sessionId }, data: { revokedAt: new Date() } }));

    await new Promise((resolve) => setTimeout(resolve, 5_200));

    await expect(authenticate(opened.tokens.accessToken)).rejects.toMatchObject({ code: 'auth.invalid_token' });
  });

  it('let a key act as an agent on behalf of its owner, as long as there is the agent', async () => {
    const { ctx } = await newOrg();
    const agentId = uuidv7() as AgentId;
    const agents = new Map([[`${ctx.orgId}:${agentId}`, 'Helper']]);
    const found = (orgId: OrgId, ids: string[]) => ids.flatMap((id) => (agents.has(`${orgId}:${id}`) ? [[id, 'Helper'] as const] : []));
    app.get(PrincipalDirectory).register({ kind: 'agent', displayNames: (orgId, ids) => Promise.resolve(new Map(found(orgId, ids))) });
    const { key } = await app.get(ApiKeysService).create(ctx, { name: 'bot', agentId });

    const bot = await authenticate(key);

    expect(bot.principal).toEqual({ kind: 'agent', id: agentId, role: 'owner', onBehalfOf: ctx.principal.id });
    expect(bot.permissions.has('members:manage')).toBe(false);
    const missing = app.get(ApiKeysService).create(ctx, { name: 'bot', agentId: uuidv7() as AgentId });
    await expect(missing).rejects.toMatchObject({ code: 'agents.not_found' });
    await expect(app.get(ApiKeysService).create(bot, { name: 'more' })).rejects.toMatchObject({ code: 'auth.permission_missing' });
    agents.clear();
    expect(await app.get(Authenticator).isCurrent(bot)).toBe(false);
  });

  it('keep an owner to a hundred keys, in parallel too', async () => {
    const { ctx } = await newOrg();
    const keys = app.get(ApiKeysService);
    for (let i = 0; i < 96; i += 1) await keys.create(ctx, { name: `k${i}` });

    const answers = await Promise.allSettled(Array.from({ length: 8 }, () => keys.create(ctx, { name: 'late' })));

    expect(answers.filter((answer) => answer.status === 'fulfilled')).toHaveLength(4);
    await expect(keys.create(ctx, { name: 'last' })).rejects.toMatchObject({ code: 'organizations.limit_reached' });
  });

  it('name their members, and nobody else’s', async () => {
    const { ctx, opened } = await newOrg();
    const stranger = await newOrg();
    const ref = { kind: 'user', id: opened.user.id } as const;
    const directory = app.get(PrincipalDirectory);
    expect(await directory.displayNames(ctx.orgId, [ref])).toEqual(new Map([[`user:${ref.id}`, 'Olivia']]));

    await app.get(AccountsService).patchMe(ctx, { displayName: 'Olga' });

    expect(await directory.displayNames(ctx.orgId, [ref])).toEqual(new Map([[`user:${ref.id}`, 'Olga']]));
    expect(await directory.exists(stranger.ctx.orgId, ref)).toBe(false);
    const foreign = app.get(MembersQueries).get(stranger.ctx, opened.user.id);
    await expect(foreign).rejects.toMatchObject({ code: 'organizations.member_not_found' });
  });

  it('keep invitations for a month after their end', async () => {
    const { ctx } = await newOrg();
    const { opened } = await join(ctx);
    const invite = (expiresInHours: number) =>
      app.get(InvitationsService).create(ctx, { email: anybody().email, role: 'guest', expiresInHours });
    const [late, open] = [await invite(1), await invite(1)];
    const { orgId } = ctx;
    const days = (count: number) => new Date(Date.now() - count * 86_400_000);
    await app.get(Db).inOrg(ctx, async (tx) => {
      await tx.invitation.updateMany({ where: { orgId, acceptedBy: opened.user.id }, data: { acceptedAt: days(31) } });
      await tx.invitation.updateMany({ where: { orgId, id: late.id }, data: { expiresAt: days(29) } });
    });

    await app.get(Upkeep).turn();

    const page = await app.get(InvitationsService).list(ctx, { limit: 10 });
    expect(page.data.map(({ id }) => id)).toEqual([open.id, late.id]);
    expect(await app.get(Db).asIdentity((tx) => tx.invitationLookup.count({ where: { orgId } }))).toBe(2);
    await app.get(Db).inOrg(ctx, (tx) => tx.invitation.updateMany({ where: { orgId, id: late.id }, data: { expiresAt: days(31) } }));

    await app.get(Upkeep).turn();

    expect((await app.get(InvitationsService).list(ctx, { limit: 10 })).data.map(({ id }) => id)).toEqual([open.id]);
  });

  it('have one operator: the first person of the instance', async () => {
    await Promise.all([newOrg(), newOrg()]);

    expect(await app.get(Db).asIdentity((tx) => tx.user.count({ where: { isOperator: true } }))).toBe(1);
  });
});
