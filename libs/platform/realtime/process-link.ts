import { randomUUID } from 'node:crypto';
import { type BeforeApplicationShutdown, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { z } from 'zod';
import { LiveFrame, OrgId } from '@atrium/contracts';
import { Log } from '@atrium/platform/observability';
import { RedisConnection } from '@atrium/platform/redis';
import { type RevocationNotice, Revocations } from '@atrium/platform/tenancy';
import type { LiveTarget } from './live-target.js';
import { RealtimeHub } from './realtime-hub.js';

const CHANNEL = 'atrium:live';
const Target = z.union([
  z.strictObject({ channelId: z.uuid(), requires: z.array(z.array(z.string())).optional() }),
  z.strictObject({ userId: z.uuid() }),
  z.strictObject({ organization: z.literal(true) }),
]);
const Notice = z.strictObject({
  orgId: z.uuid(),
  userId: z.uuid().optional(),
  sessionId: z.uuid().optional(),
  apiKeyId: z.uuid().optional(),
});
/** What one process tells the others. A value whose organization differs from that of its data is refused. */
const Letter = z.strictObject({
  org: OrgId,
  v: z.literal(1),
  from: z.string(),
  data: z.union([z.strictObject({ frame: LiveFrame, target: Target }), z.strictObject({ revoked: Notice })]),
});
type Letter = z.infer<typeof Letter>;

/** Carries lossy frames and revocations between processes by Redis pub/sub. Without Redis it carries nothing. */
@Injectable()
export class ProcessLink implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly self = randomUUID();
  private stop: () => void = () => undefined;

  constructor(
    private readonly redis: RedisConnection,
    private readonly revocations: Revocations,
    private readonly hub: RealtimeHub,
    private readonly log: Log,
  ) {}

  onApplicationBootstrap(): void {
    this.stop = this.revocations.listen((notice, origin) => {
      if (origin === 'here') this.tell(notice.orgId as OrgId, { revoked: notice });
    });
    const subscriber = this.redis.dedicated();
    if (!subscriber) return;
    subscriber.on('message', (_channel: string, text: string) => this.hear(text));
    // Subscribing waits for the first connection, and is done again after each reconnect.
    subscriber.subscribe(CHANNEL).catch((error: unknown) => this.log.fault('other processes cannot be heard', error));
  }

  beforeApplicationShutdown(): void {
    this.stop();
  }

  tellFrame(orgId: OrgId, frame: LiveFrame, target: LiveTarget): void {
    this.tell(orgId, { frame, target });
  }

  private tell(org: OrgId, data: Letter['data']): void {
    if (!this.redis.up) return;
    const letter = JSON.stringify({ org, v: 1, from: this.self, data } satisfies Letter);
    void this.redis.attempt((client) => client.publish(CHANNEL, letter));
  }

  private hear(text: string): void {
    const letter = readLetter(text);
    if (!letter || letter.from === this.self) return;
    const { org, data } = letter;
    if ('frame' in data) this.hub.deliver(org, data.frame, data.target);
    else if (data.revoked.orgId === org) this.revocations.revoke(definedOnly(data.revoked), 'elsewhere');
  }
}

function definedOnly({ orgId, userId, sessionId, apiKeyId }: z.infer<typeof Notice>): RevocationNotice {
  return { orgId, ...(userId ? { userId } : {}), ...(sessionId ? { sessionId } : {}), ...(apiKeyId ? { apiKeyId } : {}) };
}

function readLetter(text: string): Letter | null {
  try {
    return Letter.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}
