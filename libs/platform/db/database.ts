import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { type Config, deriveKey } from '@atrium/platform/config';
import { assertSameKeys } from './boot-check.js';
import { type EmbeddedDatabase, hardenEmbedded, startEmbedded } from './embedded.js';
import { ensureLogins, type Logins, migrateDurable, MigrationRunner } from './migrations.js';

/** A migrated database and the logins with which this process may use it. */
export interface Database {
  mode: 'embedded' | 'servers';
  appUrl: string;
  systemUrl: string;
  durableUrl: string;
  /** Names of the runtime logins. */
  logins: { app: string; system: string; durable: string };
  /** The migration login, for tests and operators' commands; the running app never uses it. */
  ownerUrl: string;
  stop(): Promise<void>;
}

/**
 * Starts the embedded database, or takes the one that DATABASE_URL names; then migrates it and makes the runtime logins, whose passwords
 * follow from ENCRYPTION_KEY, so that processes which share it need nothing else.
 */
export async function openDatabase(config: Config, onEmbeddedExit?: (code: number | null) => void): Promise<Database> {
  const name = config.databaseUrl ? new URL(config.databaseUrl.reveal()).pathname.slice(1) : 'embedded';
  const logins = loginsFor(name, config.encryptionKey.reveal());
  const embedded = config.databaseUrl ? null : await startOwn(config, logins, onEmbeddedExit);
  const url = (login: { name: string; password: string }) =>
    embedded?.url(login.name) ?? withLogin(config.databaseUrl?.reveal() ?? '', login);
  const ownerUrl = embedded?.url('postgres') ?? config.databaseAdminUrl?.reveal() ?? '';
  try {
    await new MigrationRunner(ownerUrl).deploy();
    await assertSameKeys(ownerUrl, config);
    await ensureLogins(ownerUrl, logins);
    await migrateDurable(url(logins.durable));
    if (embedded) await hardenEmbedded(ownerUrl);
  } catch (error) {
    await embedded?.stop();
    throw error;
  }
  return {
    mode: embedded ? 'embedded' : 'servers',
    appUrl: url(logins.app),
    systemUrl: url(logins.system),
    durableUrl: url(logins.durable),
    logins: { app: logins.app.name, system: logins.system.name, durable: logins.durable.name },
    ownerUrl,
    stop: async () => embedded?.stop(),
  };
}

function startOwn(config: Config, logins: Logins, onExit?: (code: number | null) => void): Promise<EmbeddedDatabase> {
  const owner = { name: 'postgres', password: passwordOf('postgres', config.encryptionKey.reveal()) };
  const passwords = Object.fromEntries([owner, ...Object.values(logins)].map((login) => [login.name, login.password]));
  return startEmbedded(join(config.DATA_DIR, 'db'), passwords, onExit ? { onExit } : {});
}

/** Roles belong to the whole cluster, so the logins carry a mark of the database. */
function loginsFor(database: string, secret: string): Logins {
  const mark = createHash('sha256').update(database).digest('hex').slice(0, 8);
  const login = (part: string) => ({ name: `atrium_${mark}_${part}`, password: passwordOf(`atrium_${mark}_${part}`, secret) });
  return { app: login('app'), system: login('system'), durable: login('durable') };
}

const passwordOf = (login: string, secret: string) => deriveKey(secret, `login ${login}`).toString('base64url');

function withLogin(url: string, login: { name: string; password: string }): string {
  const own = new URL(url);
  own.username = login.name;
  own.password = login.password;
  return own.href;
}
