import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** The PostgreSQL major version and control file layout of the embedded engine. */
const MAJOR_VERSION = '18';
const CONTROL_VERSION = 1800;
/** The head of a relation map: without it the engine finds no catalogue, and would notice only after it has begun to write. */
const RELATION_MAP_MAGIC = 0x592717;
const NEEDED = ['base', 'pg_wal', 'pg_xact', 'global'];

/**
 * What is wrong with a data folder, or null. An absent or empty folder is right: a database is made there. Looks only, so that a folder
 * which is refused stays as it was.
 */
export function faultOfFolder(dataDir: string): string | null {
  if (!existsSync(dataDir)) return null;
  if (!statSync(dataDir).isDirectory()) return 'it is not a folder';
  if (!readdirSync(dataDir).length) return null;
  const version = join(dataDir, 'PG_VERSION');
  if (!existsSync(version)) return 'it is not empty and holds no database (PG_VERSION is missing)';
  const found = readFileSync(version, 'utf8').trim();
  if (found !== MAJOR_VERSION)
    return `its format is that of PostgreSQL ${JSON.stringify(found.slice(0, 10))}, and ${MAJOR_VERSION} is needed`;
  for (const name of NEEDED) {
    const path = join(dataDir, name);
    if (!existsSync(path) || !readdirSync(path).length) return `${name} is missing or empty`;
  }
  return faultOfControlFile(join(dataDir, 'global', 'pg_control')) ?? faultOfRelationMaps(dataDir);
}

function faultOfControlFile(path: string): string | null {
  if (!existsSync(path)) return 'global/pg_control is missing';
  const control = readFileSync(path);
  if (control.length !== 8192 || control.readUInt32LE(8) !== CONTROL_VERSION) return 'global/pg_control is damaged';
  return null;
}

function faultOfRelationMaps(dataDir: string): string | null {
  const databases = readdirSync(join(dataDir, 'base')).filter((name) => /^\d+$/.test(name));
  for (const folder of ['global', ...databases.map((name) => join('base', name))]) {
    const name = join(folder, 'pg_filenode.map');
    const path = join(dataDir, name);
    if (!existsSync(path)) return `${name} is missing`;
    const map = readFileSync(path);
    if (map.length < 4 || map.readUInt32LE(0) !== RELATION_MAP_MAGIC) return `${name} is damaged`;
  }
  return null;
}
