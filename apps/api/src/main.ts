import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Config } from '@atrium/platform/config';
import { run } from './run.js';

void run(async (config, database, log) => {
  const { createApp } = await import('./create-app.js');
  const app = await createApp(config, database, log);
  await app.listen(config.PORT, config.HOST);
  const address = app.getHttpServer().address() as { port: number };
  log.info('ready', { port: address.port, mode: database.mode, durationMs: Math.round(performance.now()), pid: process.pid });
  if (process.stdout.isTTY)
    process.stdout.write(`Atrium serves at http://${config.HOST}:${address.port}, its API reference at /docs. End it with Ctrl+C.\n`);
  return app;
}, assertPortFree);

/** @throws EADDRINUSE before the database is opened and migrated for nothing */
async function assertPortFree({ PORT, HOST }: Config): Promise<void> {
  const probe = createServer().listen(PORT, HOST);
  await once(probe, 'listening');
  await new Promise((resolve) => probe.close(resolve));
}
