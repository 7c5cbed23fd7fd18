import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Config } from '@atrium/platform/config';
import { CannotListen, run } from './run.js';

void run(async (config, database, log) => {
  const { createApp } = await import('./create-app.js');
  const app = await createApp(config, database, log);
  await app.listen(config.PORT, config.HOST).catch(cannotListen(config));
  const address = app.getHttpServer().address() as { port: number };
  log.info('ready', { port: address.port, mode: database.mode, durationMs: Math.round(performance.now()), pid: process.pid });
  if (process.stdout.isTTY)
    process.stdout.write(`Atrium serves at http://${config.HOST}:${address.port}, its API reference at /docs. End it with Ctrl+C.\n`);
  return app;
}, assertPortFree);

function cannotListen({ HOST, PORT }: Config): (error: NodeJS.ErrnoException) => never {
  const advice: Readonly<Record<string, string>> = {
    EADDRINUSE: `The port is in use: ${PORT} at ${HOST}. Stop the other process, or set PORT to another one.`,
    EACCES: `This user may not listen on port ${PORT}. Set PORT to one above 1023.`,
    ...Object.fromEntries(
      ['ENOTFOUND', 'EAI_AGAIN', 'EADDRNOTAVAIL', 'EINVAL', 'EAFNOSUPPORT'].map((code) => [
        code,
        `HOST is no address of this machine: ${HOST}. Set it to one, or to 0.0.0.0 for all.`,
      ]),
    ),
  };
  return (error) => {
    const words = advice[error.code ?? ''];
    throw words === undefined ? error : new CannotListen(words);
  };
}

/** @throws CannotListen before the database is opened and migrated for nothing */
async function assertPortFree(config: Config): Promise<void> {
  const probe = createServer().listen(config.PORT, config.HOST);
  await once(probe, 'listening').catch(cannotListen(config));
  await new Promise((resolve) => probe.close(resolve));
}
