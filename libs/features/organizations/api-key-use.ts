import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { v7 as uuidv7 } from 'uuid';
import type { OrgId } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { Log } from '@atrium/platform/observability';
import { systemContext } from '@atrium/platform/tenancy';

/** Writes when a key was last used, at most once a minute each, beside the request and not in it. */
@Injectable()
export class ApiKeyUse implements OnModuleDestroy {
  private readonly noted = new LRUCache<string, true>({ max: 10_000, ttl: 60_000 });
  private readonly writing = new Set<Promise<void>>();

  constructor(
    private readonly db: Db,
    private readonly log: Log,
  ) {}

  note(orgId: OrgId, apiKeyId: string): void {
    if (this.noted.has(apiKeyId)) return;
    this.noted.set(apiKeyId, true);
    const write = this.write(orgId, apiKeyId)
      .catch((error: unknown) => this.log.fault('the last use of an API key was not noted', error, { orgId }))
      .finally(() => this.writing.delete(write));
    this.writing.add(write);
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all(this.writing);
  }

  private async write(orgId: OrgId, apiKeyId: string): Promise<void> {
    await this.db.inOrg(
      systemContext(orgId, `key-use-${uuidv7()}`),
      (tx) => tx.$executeRaw`UPDATE api_keys SET last_used_at = clock_timestamp()
        WHERE org_id = ${orgId}::uuid AND id = ${apiKeyId}::uuid AND coalesce(last_used_at < clock_timestamp() - interval '1 minute', true)`,
    );
  }
}
