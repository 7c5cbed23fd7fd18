import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { CONFIG, type Config } from '@atrium/platform/config';
import { Upkeep } from '@atrium/platform/db';

/** Runs of agents that ended more than `RUNS_KEPT_DAYS` ago are removed, with their steps. */
@Injectable()
export class AgentRunPruning implements OnModuleInit {
  constructor(
    private readonly upkeep: Upkeep,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  onModuleInit(): void {
    this.upkeep.removeEnded('old runs of agents', 'agent_runs', this.config.RUNS_KEPT_DAYS);
  }
}
