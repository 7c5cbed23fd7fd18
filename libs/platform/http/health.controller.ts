import { freemem, totalmem } from 'node:os';
import { Controller, Get, Injectable, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Db } from '@atrium/platform/db';
import { Metrics } from '@atrium/platform/observability';
import { RedisConnection } from '@atrium/platform/redis';
import { Public } from '@atrium/platform/tenancy';

export type ComponentState = 'up' | 'degraded' | 'down';
/** Of a component that is not one thing: which of its parts are not well, and in how many cases. */
type Details = Readonly<Record<string, number>>;
type Probe = () => ComponentState | Details | Promise<ComponentState>;

/** Memory use above which this machine counts as degraded, and as down. Shares of the whole. */
const MEMORY_DEGRADED = 0.85;
const MEMORY_DOWN = 0.95;

/** Components tell their state here; only the database decides whether this process is ready. */
@Injectable()
export class Health {
  private readonly probes = new Map<string, Probe>();

  constructor(
    private readonly db: Db,
    redis: RedisConnection,
  ) {
    this.register('database', async () => {
      await this.db.asSystem('health', (tx) => tx.$queryRaw`SELECT 1 FROM installation`);
      return 'up' as const;
    });
    if (redis.configured) this.register('redis', () => (redis.up ? 'up' : 'degraded'));
    this.register('memory', () => {
      const used = 1 - freemem() / totalmem();
      return used > MEMORY_DOWN ? 'down' : used > MEMORY_DEGRADED ? 'degraded' : 'up';
    });
  }

  /** A probe tells its component's state, or what is wrong with it: it is degraded when there is anything. */
  register(component: string, probe: Probe): void {
    this.probes.set(component, probe);
  }

  async state(component: string): Promise<ComponentState> {
    return stateOf(await this.probed(component));
  }

  private async probed(component: string): Promise<ComponentState | Details> {
    try {
      return (await this.probes.get(component)?.()) ?? 'down';
    } catch {
      return 'down';
    }
  }

  async all(): Promise<{ status: ComponentState; components: Record<string, ComponentState>; details: Record<string, Details> }> {
    const components: Record<string, ComponentState> = {};
    const details: Record<string, Details> = {};
    for (const name of this.probes.keys()) {
      const probed = await this.probed(name);
      components[name] = stateOf(probed);
      if (typeof probed === 'object' && components[name] !== 'up') details[name] = probed;
    }
    const status =
      components['database'] === 'down' ? 'down' : Object.values(components).every((state) => state === 'up') ? 'up' : 'degraded';
    return { status, components, details };
  }
}

const stateOf = (probed: ComponentState | Details): ComponentState =>
  typeof probed === 'string' ? probed : Object.keys(probed).length > 0 ? 'degraded' : 'up';

@Controller()
@Public()
@ApiExcludeController()
export class HealthController {
  constructor(
    private readonly health: Health,
    private readonly metricsOf: Metrics,
  ) {}

  /** The process answers; touches nothing. */
  @Get('healthz')
  alive() {
    return { status: 'up' };
  }

  /** The database is there and migrated. A missing Redis does not make it unready. */
  @Get('readyz')
  async ready(@Res({ passthrough: true }) reply: FastifyReply) {
    const status = await this.health.state('database');
    void reply.status(status === 'up' ? 200 : 503);
    return { status };
  }

  @Get('health')
  async components(@Res({ passthrough: true }) reply: FastifyReply) {
    const state = await this.health.all();
    void reply.status(state.status === 'down' ? 503 : 200);
    return state;
  }

  @Get('metrics')
  async metrics(@Res({ passthrough: true }) reply: FastifyReply) {
    void reply.header('content-type', this.metricsOf.registry.contentType);
    return this.metricsOf.registry.metrics();
  }
}
