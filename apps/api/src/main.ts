import { createApp } from './create-app.js';
import { run } from './run.js';

void run(async (config, database, log) => {
  const app = await createApp(config, database, log);
  await app.listen(config.PORT, config.HOST);
  const address = app.getHttpServer().address() as { port: number };
  log.info('ready', { port: address.port, mode: database.mode, durationMs: Math.round(performance.now()), pid: process.pid });
  return app;
});
