import { type BeforeApplicationShutdown, Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { CONFIG, type Config } from '@atrium/platform/config';
import { Db } from '@atrium/platform/db';
import { Log } from '@atrium/platform/observability';
import { Revocations } from '@atrium/platform/tenancy';

const EVERY_MS = 1_000;
/** A session that ended shows once its transaction commits: longer than any takes. Seconds. */
const OVERLAP_SECONDS = 20;

interface Ended {
  id: string;
  user_id: string;
  org_id: string;
  revoked_at: Date;
}

/**
 * Learns from PostgreSQL of sessions that other processes ended, whatever Redis does: their sockets close within two seconds. Members and
 * keys that lost their rights stand in the organization's log, which the live streams follow.
 */
@Injectable()
export class SessionWatch implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> | null = null;
  private since: Date | null = null;
  private known = new Set<string>();

  constructor(
    private readonly db: Db,
    private readonly revocations: Revocations,
    private readonly log: Log,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** The embedded database has one process, which hears of its own. */
  onApplicationBootstrap(): void {
    if (!this.config.databaseUrl) return;
    this.timer = setInterval(() => {
      this.looking ??= this.look().finally(() => {
        this.looking = null;
      });
    }, EVERY_MS);
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.looking;
  }

  private async look(): Promise<void> {
    try {
      const ended = await this.db.asIdentity(async (tx) => {
        this.since ??= (await tx.$queryRaw<[{ now: Date }]>`SELECT clock_timestamp() AS now`)[0].now;
        return tx.$queryRaw<Ended[]>`
          SELECT id, user_id, org_id, revoked_at FROM sessions
          WHERE revoked_at > ${this.since}::timestamptz - ${OVERLAP_SECONDS} * interval '1 second' ORDER BY revoked_at`;
      });
      const news = ended.filter(({ id }) => !this.known.has(id));
      this.known = new Set(ended.map(({ id }) => id));
      this.since = ended.at(-1)?.revoked_at ?? this.since;
      for (const { id, user_id, org_id } of news) this.revocations.revoke({ orgId: org_id, userId: user_id, sessionId: id }, 'elsewhere');
    } catch (error) {
      this.log.warn('the look for ended sessions failed; it goes on', {
        reason: error instanceof Error ? error.message.slice(0, 200) : '',
      });
    }
  }
}
