import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { z } from 'zod';
import { CONFIG, type Config, VERSION } from '@atrium/platform/config';
import { Health } from '@atrium/platform/http';
import { ToolRegistry } from '@atrium/platform/tools';

const State = z.enum(['up', 'degraded', 'down']);
const Status = z.strictObject({
  version: z.string(),
  /** `embedded`: one process with its own database; `servers`: on PostgreSQL. */
  mode: z.enum(['embedded', 'servers']),
  status: State,
  components: z.record(z.string(), State),
});

/** The tool `system_status`: how this server is. */
@Injectable()
export class StatusTool implements OnModuleInit {
  constructor(
    private readonly registry: ToolRegistry,
    private readonly health: Health,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  onModuleInit(): void {
    const mode = this.config.databaseUrl ? ('servers' as const) : ('embedded' as const);
    this.registry.register({
      name: 'system_status',
      description: 'Tells the version of this Atrium and which of its parts are up, degraded or down. Use it when other tools fail.',
      input: z.strictObject({}),
      output: Status,
      permission: 'organization:read',
      effects: [],
      run: async () => {
        const { status, components } = await this.health.all();
        return { version: VERSION, mode, status, components };
      },
    });
  }
}
