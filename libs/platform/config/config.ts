import { createHash, randomBytes } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { judged } from '@atrium/contracts';
import { Secret } from './secret.js';
import { SETTINGS, type SettingName, type Settings } from './settings.js';

/** All reasons why the settings cannot be used, at once. */
export class ConfigError extends Error {
  constructor(readonly reasons: string[]) {
    super(`Atrium cannot start with these settings:\n${reasons.map((reason) => `  - ${reason}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}

type Plain = Omit<
  Settings,
  'JWT_SECRET' | 'AUDIT_KEY' | 'ENCRYPTION_KEY' | 'LLM_API_KEY' | 'EMBEDDINGS_API_KEY' | 'DATABASE_URL' | 'DATABASE_ADMIN_URL' | 'REDIS_URL'
>;

/** The settings in use. Secrets are wrapped, so that no log or error can hold them. */
export interface Config extends Plain {
  readonly production: boolean;
  readonly databaseUrl: Secret<string> | null;
  readonly databaseAdminUrl: Secret<string> | null;
  readonly redisUrl: Secret<string> | null;
  /** The first signs, all verify. */
  readonly jwtSecrets: Secret<string>[];
  readonly auditKey: Secret<string>;
  readonly encryptionKey: Secret<string>;
  readonly llmApiKey: Secret<string> | null;
  readonly embeddingsApiKey: Secret<string> | null;
  /** Hashes of the secrets that processes on one database must share. */
  readonly keyFingerprints: { auditKey: string; encryptionKey: string };
}

/**
 * Reads the environment: the only reader of it. Outside production, missing secrets are made and kept in DATA_DIR.
 * @throws ConfigError with every reason at once.
 */
export function loadConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const reasons: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(SETTINGS)) {
    const raw = rawValue(name, environment, 'secret' in setting, reasons);
    const parsed = judged(setting.schema, raw);
    if (parsed.success) values[name] = parsed.data;
    else reasons.push(...new Set(parsed.error.issues.map((issue) => `${name} ${issue.message}`)));
  }
  const settings = values as Settings;
  const production = settings.NODE_ENV === 'production';
  const isGiven = (name: SettingName) => Boolean(environment[name]) || Boolean(environment[`${name}_FILE`]);
  if (production) reasons.push(...productionReasons(settings, isGiven));
  if (settings.DATABASE_ADMIN_URL && !isGiven('DATABASE_URL')) reasons.push('DATABASE_ADMIN_URL is set but DATABASE_URL is not');
  if (settings.EMBEDDINGS_FOLDER && settings.EMBEDDINGS_BASE_URL) reasons.push('EMBEDDINGS_FOLDER and EMBEDDINGS_BASE_URL are both set');
  if (reasons.length > 0) throw new ConfigError(reasons);

  const { JWT_SECRET, AUDIT_KEY, ENCRYPTION_KEY, LLM_API_KEY, EMBEDDINGS_API_KEY, DATABASE_URL, DATABASE_ADMIN_URL, REDIS_URL, ...plain } =
    settings;
  const dataDir = resolve(settings.DATA_DIR);
  assertFolder(dataDir);
  const kept = (name: string) => keptSecret(dataDir, name);
  const auditKey = AUDIT_KEY ?? kept('audit-key');
  const encryptionKey = ENCRYPTION_KEY ?? kept('encryption-key');
  return Object.freeze({
    ...plain,
    DATA_DIR: dataDir,
    production,
    databaseUrl: wrap(DATABASE_URL),
    databaseAdminUrl: wrap(DATABASE_ADMIN_URL ?? DATABASE_URL),
    redisUrl: wrap(REDIS_URL),
    jwtSecrets: (JWT_SECRET ?? [kept('jwt-secret')]).map((value) => new Secret(value)),
    auditKey: new Secret(auditKey),
    encryptionKey: new Secret(encryptionKey),
    llmApiKey: wrap(LLM_API_KEY),
    embeddingsApiKey: wrap(EMBEDDINGS_API_KEY),
    keyFingerprints: { auditKey: fingerprint(auditKey), encryptionKey: fingerprint(encryptionKey) },
  });
}

const wrap = (value: string | undefined): Secret<string> | null => (value === undefined ? null : new Secret(value));

const fingerprint = (secret: string) => createHash('sha256').update(`atrium fingerprint ${secret}`).digest('hex').slice(0, 16);

function rawValue(name: string, environment: NodeJS.ProcessEnv, isSecret: boolean, reasons: string[]): string | undefined {
  const file = isSecret ? environment[`${name}_FILE`] : undefined;
  const value = environment[name];
  if (file === undefined || file === '') return value === '' ? undefined : value;
  if (value) reasons.push(`${name} and ${name}_FILE are both set`);
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    reasons.push(`${name}_FILE names a file that cannot be read`);
    return undefined;
  }
}

/** What is given and cannot be used is told already. */
function productionReasons(settings: Settings, isGiven: (name: SettingName) => boolean): string[] {
  const reasons: string[] = [];
  const required: SettingName[] = ['JWT_SECRET', 'AUDIT_KEY', 'ENCRYPTION_KEY'];
  if (isGiven('DATABASE_URL')) required.push('DATABASE_ADMIN_URL');
  for (const name of required) if (!isGiven(name)) reasons.push(`${name} is required in production`);
  const secrets = [...(settings.JWT_SECRET ?? []), settings.AUDIT_KEY, settings.ENCRYPTION_KEY].filter((value) => value !== undefined);
  if (new Set(secrets).size < secrets.length) reasons.push('JWT_SECRET, AUDIT_KEY and ENCRYPTION_KEY must differ from each other');
  for (const [name, values] of Object.entries({
    JWT_SECRET: settings.JWT_SECRET,
    AUDIT_KEY: [settings.AUDIT_KEY],
    ENCRYPTION_KEY: [settings.ENCRYPTION_KEY],
  })) {
    // Each of two verifies tokens.
    if (values?.some((value) => value !== undefined && isWeak(value)))
      reasons.push(`${name} is weak: make one with "openssl rand -base64 48"`);
  }
  return reasons;
}

/** Where clients reach this server, without a slash at the end. */
export const publicUrl = ({ PUBLIC_URL, HOST, PORT }: Pick<Config, 'PUBLIC_URL' | 'HOST' | 'PORT'>): string =>
  (PUBLIC_URL ?? `http://${HOST}:${PORT}`).replace(/\/$/, '');

/** Few different characters, or words that stand in examples. */
function isWeak(secret: string): boolean {
  return new Set(secret).size < 12 || /change.?me|secret|password|example|default|12345678/i.test(secret);
}

/** Makes the folder when it is not there. */
function assertFolder(path: string): void {
  try {
    makeFolder(path);
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' || code === 'ENOTDIR') throw new ConfigError([`DATA_DIR is not a folder, or stands below a file: ${path}`]);
    throw new ConfigError([`DATA_DIR cannot be made or written to (${code}): ${path}`]);
  }
}

/** One by one: below a folder that takes none, such as /proc, Node's own `recursive` tries for ever. */
function makeFolder(path: string): void {
  if (existsSync(path) && statSync(path).isDirectory()) return;
  if (!existsSync(dirname(path))) makeFolder(dirname(path));
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // Processes that start at once make it at once.
    if (!existsSync(path) || !statSync(path).isDirectory()) throw error;
  }
}

function keptSecret(dataDir: string, name: string): string {
  const path = join(dataDir, 'secrets', name);
  if (!existsSync(path)) {
    mkdirSync(join(dataDir, 'secrets'), { recursive: true, mode: 0o700 });
    try {
      writeFileSync(path, randomBytes(48).toString('base64url'), { mode: 0o600, flag: 'wx' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
  return readFileSync(path, 'utf8').trim();
}
