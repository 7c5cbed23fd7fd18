import { randomBytes, randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { type DynamicModule, Global, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { v7 as uuidv7 } from 'uuid';
import { type LiveEvent, type OrgId, type Permission, type Role, ROLE_PERMISSIONS, type UserId } from '@atrium/contracts';
import { Cipher, CONFIG, loadConfig } from '@atrium/platform/config';
import { Db } from '@atrium/platform/db';
import { Unauthenticated } from '@atrium/platform/errors';
import { type EventDraft, Events } from '@atrium/platform/events';
import { HttpModule, prepareEdge } from '@atrium/platform/http';
import { Log, Metrics } from '@atrium/platform/observability';
import { Authenticator, type Caller, type OrgContext, Revocations, systemContext } from '@atrium/platform/tenancy';
import { applyChannelEvent, AudienceResolvers, FrameHandlers, LiveBus, RealtimeModule } from '../index.js';

/** Tokens say who they are, and may say when they end; `revoked` ones are refused. */
export class PlainAuthenticator extends Authenticator {
  static readonly revoked = new Set<string>();
  static readonly roles = new Map<string, Role>();
  /** What fewer than all that the role may do, by session. */
  static readonly scopes = new Map<string, readonly Permission[]>();

  async authenticate(token: string, caller: Caller): Promise<OrgContext> {
    const [orgId, userId, sessionId, endsAt] = token.split('_');
    if (!orgId || !userId || !sessionId || PlainAuthenticator.revoked.has(sessionId))
      throw new Unauthenticated('auth.invalid_token', 'No.');
    const role = PlainAuthenticator.roles.get(userId) ?? 'member';
    const principal = { kind: 'user', id: userId as UserId, role, onBehalfOf: null } as const;
    const permissions = new Set<Permission>(PlainAuthenticator.scopes.get(sessionId) ?? ROLE_PERMISSIONS[role]);
    return Object.freeze({
      ...caller,
      orgId: orgId as OrgId,
      principal,
      permissions,
      credential: { kind: 'session' as const, id: sessionId, expiresAt: endsAt === undefined ? null : Number(endsAt) },
      via: null,
    });
  }
  async isCurrent(ctx: OrgContext): Promise<boolean> {
    const role = PlainAuthenticator.roles.get(ctx.principal.id ?? '') ?? 'member';
    return !PlainAuthenticator.revoked.has(ctx.credential?.id ?? '') && role === ctx.principal.role;
  }
  permissionsNow(): Promise<null> {
    return Promise.resolve(null);
  }
}

interface Logins {
  appUrl: string;
  systemUrl: string;
}

@Global()
@Module({})
class GroundModule {
  static on({ appUrl, systemUrl }: Logins, environment: Record<string, string>): DynamicModule {
    const config = loadConfig({ ...process.env, RATE_LIMIT_PER_MINUTE: '0', ...environment });
    const log = new Log('fatal');
    const metrics = new Metrics();
    const db = new Db({ appUrl, systemUrl, poolSize: 4, cipher: new Cipher(randomBytes(32)), log, metrics });
    const values = [
      [CONFIG, config],
      [Log, log],
      [Metrics, metrics],
      [Db, db],
      [Authenticator, new PlainAuthenticator()],
    ] as const;
    return {
      module: GroundModule,
      providers: [...values.map(([provide, useValue]) => ({ provide, useValue })), Events, Revocations],
      exports: [...values.map(([provide]) => provide), Events, Revocations],
    };
  }
}

export interface Process {
  app: NestFastifyApplication;
  baseUrl: string;
  bus: LiveBus;
  append(orgId: OrgId, ...drafts: EventDraft[]): Promise<void>;
  stop(): Promise<void>;
}

/** The platform as one process runs it, without features, on a free port. Channels exist only as their events say. */
export async function startProcess(database: Logins, environment: Record<string, string> = {}): Promise<Process> {
  @Module({ imports: [GroundModule.on(database, environment), HttpModule, RealtimeModule] })
  class WholeModule {}
  const app = await NestFactory.create<NestFastifyApplication>(WholeModule, new FastifyAdapter({ forceCloseConnections: true }), {
    logger: false,
    bodyParser: false,
    abortOnError: false,
  });
  await prepareEdge(app, app.get(CONFIG));
  app.get(AudienceResolvers).register({ kind: 'channel', load: async () => new Map(), apply: applyChannelEvent });
  app.get(FrameHandlers).register('message.post', { permission: 'messages:write', handle: async (_ctx, frame) => ({ body: frame.body }) });
  await app.listen(0, '127.0.0.1');
  const db = app.get(Db);
  const events = app.get(Events);
  return {
    app,
    baseUrl: `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`,
    bus: app.get(LiveBus),
    append: async (orgId, ...drafts) => {
      await db.inOrg(systemContext(orgId, 'test'), (tx) => events.appendMany(tx, systemContext(orgId, 'test'), drafts));
    },
    stop: async () => {
      await app.close();
      await db.close();
    },
  };
}

/** A new organization, as far as the log knows one. */
export async function openLog({ app }: Process): Promise<OrgId> {
  const orgId = uuidv7() as OrgId;
  await app.get(Db).inOrg(systemContext(orgId, 'test'), (tx) => app.get(Events).open(tx, { orgId }));
  return orgId;
}

export function newPerson(orgId: OrgId, role: Role = 'member') {
  const id = uuidv7();
  const sessionId = uuidv7();
  PlainAuthenticator.roles.set(id, role);
  return { id, sessionId, token: `${orgId}_${id}_${sessionId}`, member: { kind: 'user' as const, id } };
}

export const told = (n: number, audience: EventDraft['audience'] = 'organization', more: Partial<EventDraft> = {}): EventDraft => ({
  type: 'documents.changed',
  subject: { kind: 'document', id: randomUUID() },
  audience,
  data: { n },
  ...more,
});
export const channelEvent = (type: EventDraft['type'], channelId: string, data: NonNullable<EventDraft['data']>): EventDraft => ({
  type,
  subject: { kind: 'channel', id: channelId },
  audience: `channel:${channelId}`,
  data: { channelId, ...data },
});
/** What the events of `told` count. */
export const numbers = (events: readonly LiveEvent[]) =>
  events.filter((event) => event.type === 'documents.changed').map((event) => event.data.n);
export const upTo = (n: number) => Array.from({ length: n }, (_, index) => index + 1);
