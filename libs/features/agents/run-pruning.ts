import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { CONFIG, type Config } from '@atrium/platform/config';
import { MORE, Upkeep } from '@atrium/platform/db';

/** Runs of one transaction; their steps go with them. */
const AT_ONCE = 200;

/** Runs of agents that ended more than `RUNS_KEPT_DAYS` ago are removed, with their steps. */
@Injectable()
export class AgentRunPruning implements OnModuleInit {
  constructor(
    private readonly upkeep: Upkeep,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  onModuleInit(): void {
    const days = this.config.RUNS_KEPT_DAYS;
    if (days === 0) return;
    this.upkeep.add('old runs of agents', async (tx) => {
      const removed = await tx.$executeRaw`
        DELETE FROM agent_runs WHERE (org_id, id) IN (
          SELECT org_id, id FROM agent_runs WHERE ended_at < clock_timestamp() - ${days} * interval '1 day' ORDER BY ended_at LIMIT ${AT_ONCE})`;
      return removed === AT_ONCE ? MORE : null;
    });
  }
}
