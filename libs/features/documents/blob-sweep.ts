import { type BeforeApplicationShutdown, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Db } from '@atrium/platform/db';
import { Events } from '@atrium/platform/events';
import { Log } from '@atrium/platform/observability';
import { DocumentBlobs } from './document-blobs.js';

const EVERY_MS = 60 * 60 * 1_000;
/** An upload stores its file before the commit that names it; an hour is longer than any commit takes. */
const OLDER_THAN_SECONDS = 60 * 60;

/** Once an hour removes files that a killed process left behind: stored but never named, or of a document removed since. */
@Injectable()
export class BlobSweep implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly files: DocumentBlobs,
    private readonly log: Log,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.running = this.running.then(() => this.turn());
    }, EVERY_MS).unref();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    await this.running;
  }

  private async turn(): Promise<void> {
    try {
      const organizations = await this.db.asSystem('sweep of unused files', (tx) => this.events.organizations(tx));
      let count = 0;
      for (const orgId of organizations) {
        if (this.stopped) return;
        count += await this.files.sweep({ orgId }, OLDER_THAN_SECONDS);
      }
      if (count > 0) this.log.info('removed files that no document names', { count });
    } catch (error) {
      this.log.fault('the sweep of unused files failed; it goes on in an hour', error);
    }
  }
}
