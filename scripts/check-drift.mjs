// Do prisma/*.prisma and the database that the migrations make say the same? Needs a build (dist/). Exits 1 with the difference.
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';

/** What Prisma would change because it cannot say it, each with the reason. A pattern must match a whole statement; one that matches nothing is an error too. */
const ALLOWED = [
  { statement: /^ALTER TABLE "\w+" DROP CONSTRAINT "\w+_fkey"$/, because: 'the models have no relations: foreign keys stand in SQL only' },
  { statement: /^DROP INDEX "search_units_tsv"$/, because: 'its column is a tsvector, which Prisma cannot index' },
];

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const require = createRequire(import.meta.url);
const POSTGRES_CHAR = 18;
const POSTGRES_TEXT = 25;
const COLUMN_TYPE_CHARACTER = 6;

/** Prisma's adapter, mended for the schema engine: scripts of several statements, and PostgreSQL's type "char" of the catalogues. */
class SchemaAdapter extends PrismaPg {
  async connect() {
    const adapter = await super.connect();
    const performIO = adapter.performIO.bind(adapter);
    const queryRaw = adapter.queryRaw.bind(adapter);
    const charColumns = new WeakMap();
    adapter.performIO = async (query) => {
      const result = await performIO(query);
      const found = [];
      result.fields?.forEach((field, at) => {
        if (field.dataTypeID !== POSTGRES_CHAR) return;
        field.dataTypeID = POSTGRES_TEXT;
        found.push(at);
      });
      charColumns.set(query, found);
      return result;
    };
    adapter.queryRaw = async (query) => {
      const result = await queryRaw(query);
      for (const at of charColumns.get(query) ?? []) result.columnTypes[at] = COLUMN_TYPE_CHARACTER;
      return result;
    };
    adapter.executeScript = async (script) => void (await adapter.client.query(script));
    return adapter;
  }

  connectToShadowDb() {
    throw new Error('The comparison needs no shadow database.');
  }
}

function schemaFiles() {
  const models = readdirSync(join(root, 'prisma/models')).filter((name) => name.endsWith('.prisma'));
  return ['schema.prisma', ...models.map((name) => join('models', name))].map((name) => {
    const path = join(root, 'prisma', name);
    return { path, content: readFileSync(path, 'utf8') };
  });
}

async function loadEngine(files, adapter) {
  const glue = require.resolve('@prisma/schema-engine-wasm/schema_engine_bg');
  const { version } = JSON.parse(readFileSync(join(dirname(glue), 'package.json'), 'utf8'));
  const wanted = require('@prisma/engines-version/package.json').version;
  if (version !== wanted) throw new Error(`@prisma/schema-engine-wasm is ${version}, but this Prisma needs ${wanted}: pin that version.`);
  const engine = await import(pathToFileURL(glue));
  const bytes = readFileSync(join(dirname(glue), 'schema_engine_bg.wasm'));
  const { instance } = await WebAssembly.instantiate(bytes, { './schema_engine_bg.js': engine });
  engine.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();
  const datamodels = files.map(({ path, content }) => [path, content]);
  return engine.SchemaEngine.new({ datamodels }, () => undefined, adapter);
}

async function difference(url) {
  const { hostname, port, username, password, pathname } = new URL(url);
  const connection = { host: hostname, port: Number(port), user: decodeURIComponent(username), password: decodeURIComponent(password) };
  const adapter = bindMigrationAwareSqlAdapterFactory(new SchemaAdapter({ ...connection, database: pathname.slice(1), max: 1 }));
  const files = schemaFiles();
  const engine = await loadEngine(files, adapter);
  try {
    const { stdout } = await engine.diff({
      from: { tag: 'schemaDatasource', files, configDir: root },
      to: { tag: 'schemaDatamodel', files },
      script: true,
      exitCode: true,
      shadowDatabaseUrl: null,
      filters: { externalTables: ['public._prisma_migrations'], externalEnums: [] },
    });
    return (stdout ?? '').trim();
  } catch (error) {
    const id = /External error id#(\d+)/.exec(String(error?.message));
    throw id ? (adapter.errorRegistry.consumeError(Number(id[1])) ?? error) : error;
  }
}

const withoutComments = (script) => script.replace(/^--.*$/gm, '');
const statementsOf = (script) =>
  withoutComments(script)
    .split(/;\s*(?:\n|$)/)
    .map((statement) => statement.replace(/\s+/g, ' ').trim())
    .filter(Boolean);

const { startEmbedded } = await import(pathToFileURL(join(root, 'dist/libs/platform/db/embedded.js')));
const { MigrationRunner } = await import(pathToFileURL(join(root, 'dist/libs/platform/db/migrations.js')));
const database = await startEmbedded('memory://', { postgres: 'drift' });
try {
  const url = database.url('postgres');
  await new MigrationRunner(url).deploy();
  const statements = statementsOf(await difference(url));
  const unused = ALLOWED.filter(({ statement }) => !statements.some((each) => statement.test(each)));
  const drift = statements.filter((each) => !ALLOWED.some(({ statement }) => statement.test(each)));
  for (const statement of drift) console.error(`${statement};`);
  for (const { statement } of unused) console.error(`The allowance ${statement} matches nothing any more: remove it.`);
  if (drift.length || unused.length) {
    console.error(`\nThe models and the migrated database differ in ${drift.length} places: the statements above would make them alike.`);
    process.exitCode = 1;
  } else console.log(`No drift (${ALLOWED.length} known differences that Prisma cannot say).`);
} finally {
  await database.stop();
}
process.exit();
