import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TABLES } from '../../libs/platform/db/tables.js';

const root = join(__dirname, '../..');

interface Owned {
  model: string;
  table: string;
}

/** The tables that prisma/models/<owner>.prisma lists. */
function ownedBy(owner: string): Owned[] {
  const text = readFileSync(join(root, 'prisma/models', `${owner}.prisma`), 'utf8');
  return [...text.matchAll(/^model (\w+) \{[^}]*?@@map\("(\w+)"\)/gms)].map(([, model = '', table = '']) => ({
    model: model.charAt(0).toLowerCase() + model.slice(1),
    table,
  }));
}

function sourcesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sourcesBelow(path);
    return entry.name.endsWith('.ts') && !entry.name.endsWith('spec.ts') ? [path] : [];
  });
}

/** Where code of `folder` names one of the tables, as a Prisma model of a transaction or in SQL. */
function uses(folder: string, tables: Owned[]): string[] {
  const models = tables.map(({ model }) => model).join('|');
  const names = tables.map(({ table }) => table).join('|');
  const pattern = new RegExp(`\\btx\\.(${models})\\.|\\b(?:FROM|JOIN|INTO|UPDATE|DELETE FROM)\\s+(?:public\\.)?"?(${names})\\b`, 'g');
  return sourcesBelow(folder).flatMap((path) =>
    [...readFileSync(path, 'utf8').matchAll(pattern)].map((match) => `${path.slice(root.length + 1)}: ${match[0].trim()}`),
  );
}

const owners = readdirSync(join(root, 'prisma/models')).map((name) => name.replace('.prisma', ''));
const features = readdirSync(join(root, 'libs/features'));

describe('ownership of tables', () => {
  it('gives every table one owner and a class', () => {
    const owned = owners.flatMap(ownedBy).map(({ table }) => table);
    const listed = Object.values(TABLES)
      .flat()
      .filter((table) => table !== '_prisma_migrations');
    expect([...owned].sort()).toEqual([...listed].sort());
  });

  it.each(features)('%s touches no table of another', (feature) => {
    const foreign = owners.filter((owner) => owner !== feature).flatMap(ownedBy);
    expect(uses(join(root, 'libs/features', feature), foreign)).toEqual([]);
  });

  it('platform touches no table of a feature', () => {
    const foreign = owners.filter((owner) => owner !== 'platform').flatMap(ownedBy);
    expect(uses(join(root, 'libs/platform'), foreign).filter((use) => !use.includes('/generated/'))).toEqual([]);
  });

  it('turns red when a feature reads a foreign table', () => {
    expect(uses(join(root, 'libs/features/organizations'), ownedBy('organizations')).length).toBeGreaterThan(0);
  });
});
