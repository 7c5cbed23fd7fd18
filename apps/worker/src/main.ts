import { createWorker } from '../../api/src/create-app.js';
import { run } from '../../api/src/run.js';

void run(async (config, database, log) => {
  const app = await createWorker(config, database, log);
  log.info('worker ready', { mode: database.mode, durationMs: Math.round(performance.now()), pid: process.pid });
  return app;
});
