import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError, loadConfig } from './config.js';

let dataDir: string;
beforeAll(() => (dataDir = mkdtempSync(join(tmpdir(), 'atrium-config-'))));
afterAll(() => rmSync(dataDir, { recursive: true }));

const secret = () => randomBytes(48).toString('base64url');
/** The reasons for which these settings are refused; none when they are taken. */
function reasons(environment: Record<string, string>): string[] {
  try {
    loadConfig({ DATA_DIR: dataDir, ...environment });
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.reasons;
    throw error;
  }
}
const production = () => ({ NODE_ENV: 'production', JWT_SECRET: secret(), AUDIT_KEY: secret(), ENCRYPTION_KEY: secret() });

it('takes a strong secret, and two during a rotation', () => {
  expect(reasons(production())).toEqual([]);
  expect(reasons({ ...production(), JWT_SECRET: `${secret()},${secret()}` })).toEqual([]);
});

it('refuses a weak secret wherever it stands, because all verify tokens', () => {
  for (const JWT_SECRET of [`${secret()},${'a'.repeat(32)}`, `${'a'.repeat(32)},${secret()}`])
    expect(reasons({ ...production(), JWT_SECRET })).toEqual([expect.stringMatching(/^JWT_SECRET is weak/)]);
});

it('says in plain words what a setting must be', () => {
  expect(reasons({ PORT: 'abc' })).toEqual(['PORT must be a number']);
  expect(reasons({ PORT: '70000' })).toEqual(['PORT must be at most 65535']);
  expect(reasons({ REGISTRATION: 'all' })).toEqual(['REGISTRATION must be one of "open", "invite", "closed"']);
});

it('makes its folder with those above it, and says at once when it cannot', () => {
  const folder = join(dataDir, 'made', 'for', 'atrium');
  expect([reasons({ DATA_DIR: folder }), statSync(folder).mode & 0o777]).toEqual([[], 0o700]);
  writeFileSync(join(dataDir, 'file'), '');
  for (const path of ['file', 'file/below'])
    expect(reasons({ DATA_DIR: join(dataDir, path) })).toEqual([
      expect.stringMatching(/^DATA_DIR is not a folder, or stands below a file/),
    ]);
  if (existsSync('/proc/self'))
    expect(reasons({ DATA_DIR: '/proc/nope/below' })).toEqual([expect.stringMatching(/^DATA_DIR cannot be made or written to \(E/)]);
});

it('says once what is wrong with a secret', () => {
  expect(
    reasons({
      NODE_ENV: 'production',
      JWT_SECRET: 'short,shorter',
      AUDIT_KEY_FILE: join(dataDir, 'nowhere'),
      DATABASE_URL: 'mysql://db/atrium',
      DATABASE_ADMIN_URL: 'postgresql://db/atrium',
    }),
  ).toEqual([
    'DATABASE_URL must be a URL of postgres or postgresql',
    'JWT_SECRET must have at least 32 characters',
    'AUDIT_KEY_FILE names a file that cannot be read',
    'ENCRYPTION_KEY is required in production',
  ]);
});

const LISTS: Record<string, { taken: string; refused: string[] }> = {
  TRUSTED_PROXIES: {
    taken: '127.0.0.1, 10.0.0.0/8,::1,fd00::/8',
    refused: ['foo', '10.0.0.0/33', '10.0.0.0/0', '10.0.0.0/8/8', '10.0.0/8', '::/129', '1.2.3.4/'],
  },
  CORS_ORIGINS: {
    taken: 'https://app.example.com,http://localhost:5173',
    refused: ['*', 'app.example.com', 'https://app.example.com/', 'https://app.example.com/path', 'ftp://a.example', 'null'],
  },
  OUTBOUND_ALLOW: {
    taken: 'ollama,ollama.internal:11434,127.0.0.1,127.0.0.1:8080,::1,[::1]:8080',
    refused: ['http://ollama', 'ollama:port', 'ollama:99999', 'a b', 'ollama/path', '*', '10.0.0.0/8', '[::1'],
  },
};

it.each(Object.entries(LISTS))('examines each item of %s', (name, { taken, refused }) => {
  expect(reasons({ [name]: taken })).toEqual([]);
  for (const item of refused)
    expect(reasons({ [name]: `127.0.0.1,${item}` }).filter((reason) => reason.includes(`"${item}"`))).toHaveLength(1);
});
