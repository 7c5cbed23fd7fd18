// The app of a test run, in a process of its own so that the test runner's work does not hold it up. Told its settings by the environment;
// tells its parent where it listens, and ends in order when the parent disconnects.
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const dist = (path) => import(pathToFileURL(join(process.cwd(), 'dist', path)).href);
const { loadConfig } = await dist('libs/platform/config/index.js');
const { openDatabase } = await dist('libs/platform/db/index.js');
const { Log } = await dist('libs/platform/observability/index.js');
const { closeApp, createApp } = await dist('apps/api/src/create-app.js');

const config = loadConfig();
let database = await openDatabase(config);
const template = database.mode === 'embedded' ? `${config.DATA_DIR}-template` : null;
if (template) {
  await database.stop();
  cpSync(config.DATA_DIR, template, { recursive: true });
  database = await openDatabase(config);
}
const app = await createApp(config, database, new Log(config.LOG_LEVEL));
await app.listen(0, '127.0.0.1');
const { stop: _stop, ...described } = database;
process.send({
  baseUrl: `http://127.0.0.1:${app.getHttpServer().address().port}`,
  dataDir: config.DATA_DIR,
  template,
  database: described,
});
process.on('SIGINT', () => undefined);
process.on('disconnect', () => closeApp(app, database).finally(() => process.exit(0)));
