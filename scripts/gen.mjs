// npm run gen: everything that is made from the code and committed. With --check: says what is not up to date, and changes nothing.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { format, resolveConfig } from 'prettier';

const run = (program, ...args) => spawnSync(program, args, { encoding: 'utf8', maxBuffer: 2 ** 26 });
const dist = (path) => import(pathToFileURL(join(process.cwd(), 'dist', path)).href);

if (run(process.execPath, 'scripts/build.mjs', '--when-needed').status !== 0) process.exit(1);

/** docs/errors.md: every code that a client can receive. */
async function errorsPage() {
  const { PROBLEM_ADVICE, PROBLEMS, PROBLEM_STATUS } = await dist('libs/contracts/index.js');
  const rows = Object.entries(PROBLEMS).map(
    ([code, [kind, meaning]]) =>
      `| <a id="${code}"></a>\`${code}\` | ${PROBLEM_STATUS[kind]} | ${[meaning, PROBLEM_ADVICE[code]].filter(Boolean).join(' ')} |`,
  );
  return `# Errors\n\nEvery failure is an RFC 9457 problem (\`application/problem+json\`) with a stable \`code\`. Where the meaning names a status, that one is sent instead of the kind's. A status 500 has the code \`internal\` and only a request id. Generated from libs/contracts/problems.ts.\n\n| code | status | meaning |\n| --- | --- | --- |\n${rows.join('\n')}\n`;
}

/** docs/graph.md: the folders and who uses whom, as Mermaid draws it. */
function graphPage() {
  const drawn = run('node_modules/.bin/depcruise', 'apps', 'libs', '--config', '.dependency-cruiser.cjs', '--output-type', 'json');
  const edges = new Set();
  const room = (path) => /^libs\/(contracts)|^libs\/((?:platform|features)\/[^/]+)|^apps\/([^/]+)/.exec(path)?.slice(1).find(Boolean);
  for (const { source, dependencies } of JSON.parse(drawn.stdout).modules) {
    for (const { resolved } of dependencies) {
      const [from, to] = [room(source), room(resolved)];
      if (from && to && from !== to && to !== 'contracts' && !/platform\/(errors|config|observability|tenancy|db)$/.test(to))
        edges.add(`${from} --> ${to}`);
    }
  }
  const name = (text) => text.replace(/^(platform|features)\//, '');
  const lines = [...edges].sort().map((edge) => `  ${edge.split(' --> ').map(name).join(' --> ')}`);
  return `# Who uses whom\n\nDrawn from the imports. Left out, because everything may use them: contracts and platform/errors, config, observability, tenancy, db. What is allowed stands in .dependency-cruiser.cjs. Generated.\n\n\`\`\`mermaid\ngraph TD\n${lines.join('\n')}\n\`\`\`\n`;
}

/** What the running app tells of itself: openapi.json, and the tools that it offers. */
async function fromApp() {
  const { loadConfig } = await dist('libs/platform/config/index.js');
  const { openDatabase } = await dist('libs/platform/db/index.js');
  const { Log } = await dist('libs/platform/observability/index.js');
  const { ToolRegistry } = await dist('libs/platform/tools/index.js');
  const { INSTANCE_ORG, systemContext } = await dist('libs/platform/tenancy/index.js');
  const { closeApp, createApp } = await dist('apps/api/src/create-app.js');
  const config = loadConfig({ DATA_DIR: mkdtempSync(join(tmpdir(), 'atrium-gen-')), LOG_LEVEL: 'error' });
  const database = await openDatabase(config);
  const app = await createApp(config, database, new Log('error'));
  const { body } = await app.inject({ method: 'GET', url: '/openapi.json' });
  const tools = await app.get(ToolRegistry, { strict: false }).page(systemContext(INSTANCE_ORG, 'gen'), '', Infinity);
  await closeApp(app, database);
  return { openApi: `${JSON.stringify(JSON.parse(body), null, 2)}\n`, tools };
}

/** docs/mcp.md, with its table of tools. */
function mcpPage(tools) {
  const code = (words) => words.map((word) => `\`${word}\``).join(', ');
  const rows = tools.map(
    ({ name, description, permission, effects }) => `| \`${name}\` | ${description} | \`${permission}\` | ${code(effects)} |`,
  );
  const table = `| tool | what it does | permission | effects |\n| --- | --- | --- | --- |\n${rows.join('\n')}`;
  return readFileSync('docs/mcp.md', 'utf8').replace(
    /(<!-- tools: generated -->)[^]*(<!-- \/tools -->)/,
    (_whole, from, to) => `${from}\n\n${table}\n\n${to}`,
  );
}

const { envExample } = await dist('libs/platform/config/index.js');
const { openApi, tools } = await fromApp();
const made = {
  '.env.example': envExample(),
  'docs/errors.md': await errorsPage(),
  'docs/graph.md': graphPage(),
  'docs/mcp.md': mcpPage(tools),
  'openapi.json': openApi,
};

const stale = [];
for (const [path, raw] of Object.entries(made)) {
  const text = path.endsWith('.md') ? await format(raw, { ...(await resolveConfig(path)), parser: 'markdown' }) : raw;
  let current = null;
  try {
    current = readFileSync(path, 'utf8');
  } catch {
    // made for the first time
  }
  if (current === text) continue;
  stale.push(path);
  if (!process.argv.includes('--check')) writeFileSync(path, text);
}
if (process.argv.includes('--check') && stale.length > 0) {
  process.stderr.write(`Not up to date: ${stale.join(', ')}. Run "npm run gen" and commit.\n`);
  process.exit(1);
}
process.exit(0);
