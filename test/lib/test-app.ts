import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApp } from '../../apps/api/src/create-app.js';
import { loadConfig } from '@atrium/platform/config';
import { Db } from '@atrium/platform/db';
import { Durable, Reaper } from '@atrium/platform/durable';
import { Log } from '@atrium/platform/observability';
import { testRun } from './run.js';

/** An app inside the test's own process, on the run's database: for integration specs that call services. Close it in afterAll. */
export async function openTestApp(
  environment: Record<string, string> = {},
): Promise<{ app: NestFastifyApplication; close(): Promise<void> }> {
  const config = loadConfig({ ...process.env, LOG_LEVEL: 'fatal', ...environment });
  // 'servers': other executors on this database are alive.
  const database = { ...testRun().database, mode: 'servers' as const, stop: () => Promise.resolve() };
  const app = await createApp(config, database, new Log(config.LOG_LEVEL));
  return {
    app,
    close: async () => {
      await app.get(Reaper).stop();
      await app.get(Durable).stop();
      await app.close();
      await app.get(Db).close();
    },
  };
}
