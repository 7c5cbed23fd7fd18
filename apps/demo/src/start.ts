import { createApp } from '../../api/src/create-app.js';
import { run } from '../../api/src/run.js';
import { furnish, PEOPLE } from './workspace.js';

/** `npm start -- --demo`: the server as always, with a workspace in place. */
void run(async (config, database, log) => {
  const app = await createApp(config, database, log);
  await app.listen(config.PORT, config.HOST);
  const { port } = app.getHttpServer().address() as { port: number };
  const baseUrl = `http://${config.HOST}:${port}`;
  await furnish(baseUrl);
  log.info('ready', { port, mode: database.mode, pid: process.pid });
  process.stdout.write(`\nAtrium is at ${baseUrl} (API reference: ${baseUrl}/docs), with a workspace to try:\n`);
  for (const { email, password } of [PEOPLE.olivia, PEOPLE.ben]) process.stdout.write(`  ${email}   password: ${password}\n`);
  return app;
});
