// npm run new:feature -- name: a feature that compiles, boots, is guarded, audited and tested; the rest is yours to change.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { filesOf } from './new-feature-files.mjs';

/** The words of a feature: `notes` has notes, `inventory` has inventory items. */
function wordsOf(name) {
  const camel = (text) => text.replace(/-(\w)/g, (_, letter) => letter.toUpperCase());
  const pascal = (text) => camel(`-${text}`);
  const plural = name.endsWith('s') ? name : `${name}-items`;
  const one = plural.slice(0, -1);
  return {
    name,
    one,
    plural,
    camel: camel(name),
    Feature: pascal(name),
    One: pascal(one),
    oneCamel: camel(one),
    table: plural.replaceAll('-', '_'),
    text: one.replaceAll('-', ' '),
    texts: plural.replaceAll('-', ' '),
  };
}

/** Puts `text` before the only place that `marker` finds. */
function insertBefore(path, marker, text) {
  const source = readFileSync(path, 'utf8');
  const at = source.search(marker);
  if (at < 0) throw new Error(`${path} has no place that looks like ${marker}: put it in by hand:\n${text}`);
  return [path, `${source.slice(0, at)}${text}${source.slice(at)}`];
}

function insertAfterLast(path, marker, text) {
  const source = readFileSync(path, 'utf8');
  const last = [...source.matchAll(marker)].at(-1);
  if (!last) throw new Error(`${path} has no place that looks like ${marker}: put it in by hand:\n${text}`);
  const at = last.index + last[0].length;
  return [path, `${source.slice(0, at)}${text}${source.slice(at)}`];
}

/** The lists that every feature stands in. */
function listed({ name, one, camel, Feature, One, table }) {
  const permissions = 'libs/contracts/permissions.ts';
  const made = [
    insertAfterLast(
      'libs/contracts/ids.ts',
      /$/g,
      `export const ${One}Id = id<'${One}Id'>();\nexport type ${One}Id = z.infer<typeof ${One}Id>;\n`,
    ),
    insertAfterLast('libs/contracts/index.ts', /$/g, `export * from './${name}.js';\n`),
    insertBefore(
      'libs/contracts/events.ts',
      /^\} as const satisfies/m,
      `  '${name}.created': { version: 1, audited: true, live: true },\n`,
    ),
    insertBefore(
      'libs/platform/realtime/reader.ts',
      /^\};\n(?=\n\/\*\* What is read by another permission)/m,
      `  '${name}': '${name}:read',\n`,
    ),
    insertBefore(permissions, /^\] as const;\s+const GUEST/m, `  '${name}:read',\n  '${name}:write',\n`),
    insertBefore('libs/platform/db/tables.ts', /\n {2}\],\n {2}identity:/, `\n    '${table}',`),
    insertAfterLast(
      '.dependency-cruiser.cjs',
      /^ {2}'features\/[\w-]+': \[.*\],\n/gm,
      `  'features/${name}': ['contracts', 'platform/.+', 'features/organizations'],\n`,
    ),
    insertAfterLast(
      'apps/api/src/app.module.ts',
      /^import .* from '@atrium\/features\/[\w-]+';\n/gm,
      `import { ${Feature}Module } from '@atrium/features/${name}';\n`,
    ),
    insertBefore(
      'test/security/controls.ts',
      /^\};\n(?=\nexport const HOW_TO_ADD)/m,
      `  '${camel}.list': read(),\n  '${camel}.create': { status: 201, call: () => ({ body: { title: unique('Title') } }), audited: ['${name}.created'] },\n`,
    ),
  ];
  const edits = new Map(made);
  edits.set(
    permissions,
    edits.get(permissions).replace(/(const MEMBER = \[[^\]]*?),?\s*(\] as const)/, `$1, '${name}:read', '${name}:write'$2`),
  );
  edits.set(
    'apps/api/src/app.module.ts',
    edits.get('apps/api/src/app.module.ts').replace(/(\bimports: \[[^\]]*?),?\s*\]/, `$1, ${Feature}Module]`),
  );
  if (!edits.get('apps/api/src/app.module.ts').includes(`, ${Feature}Module]`)) throw new Error('app.module.ts has no list of imports');
  if (!edits.get(permissions).includes(`'${name}:write'] as const`))
    throw new Error(`permissions.ts has no list of members' rights (${one})`);
  return edits;
}

/** The next migration's name: later than every other one. */
function migrationName(name) {
  const now = new Date().toISOString().replace(/\D/g, '').slice(0, 14);
  const latest =
    readdirSync('prisma/migrations')
      .filter((each) => /^\d+_/.test(each))
      .sort()
      .at(-1)
      ?.slice(0, 14) ?? '0';
  const stamp = now > latest ? now : String(BigInt(latest) + 100n);
  return `${stamp}_${name.replaceAll('-', '_')}`;
}

const name = process.argv[2] ?? '';
if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) {
  process.stderr.write('npm run new:feature -- name     (lower case, words joined by hyphens, such as "notes" or "shared-lists")\n');
  process.exit(2);
}
const words = wordsOf(name);
const folder = join('libs/features', name);
if (existsSync(folder) || existsSync(join('prisma/models', `${name}.prisma`)) || existsSync(join('libs/contracts', `${name}.ts`))) {
  process.stderr.write(`${name} exists already.\n`);
  process.exit(1);
}
const changed = [...filesOf(words, migrationName(name)), ...listed(words)];
for (const [path, text] of changed) {
  mkdirSync(dirname(path), { recursive: true });
  const formatted = /\.(ts|cjs)$/.test(path) ? await format(text, { ...(await resolveConfig(path)), filepath: path }) : text;
  writeFileSync(path, formatted);
}
const { status } = spawnSync(process.execPath, ['scripts/prisma-generate.mjs'], { stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);
process.stdout.write(
  `${changed.map(([path]) => `  ${path}`).join('\n')}\n\nIt runs: npm start. Then npm run gen, npm test, and make it yours.\n`,
);
