import { type BeforeApplicationShutdown, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Log } from '@atrium/platform/observability';
import { Durable } from './durable.js';

const EVERY_MS = 60 * 60 * 1_000;
/** How long the record of ended durable work is kept, for whoever looks into it. Days. */
const KEPT_DAYS = 7;

/** Once an hour removes the records of durable work that ended long ago. Any process may; doing it twice does no harm. */
@Injectable()
export class DurableSweep implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly durable: Durable,
    private readonly log: Log,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.running = this.running.then(() => this.turn());
    }, EVERY_MS).unref();
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.running;
  }

  private async turn(): Promise<void> {
    try {
      const count = await this.durable.forget(KEPT_DAYS);
      if (count > 0) this.log.info('removed the records of durable work that ended long ago', { count });
    } catch (error) {
      this.log.fault('the records of ended durable work could not be removed; it goes on in an hour', error);
    }
  }
}
