import { BootRefused } from '@atrium/platform/db';
import { run } from '../../api/src/run.js';

void run(async (config, database, log) => {
  if (database.mode === 'embedded')
    throw new BootRefused(['a worker needs DATABASE_URL: on the embedded database the server does all work itself']);
  const { createWorker } = await import('../../api/src/create-app.js');
  const app = await createWorker(config, database, log);
  log.info('worker ready', { mode: database.mode, durationMs: Math.round(performance.now()), pid: process.pid });
  return app;
});
