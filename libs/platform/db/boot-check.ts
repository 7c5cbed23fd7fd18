import pg from 'pg';
import type { Config } from '@atrium/platform/config';
import { catalogueFindings } from './catalogue.js';
import type { Db } from './db.js';

/** The largest difference between this machine's clock and the database's. Seconds. */
const MAX_CLOCK_SECONDS = 30;

/** The database is not as it must be; the process must not serve. */
export class BootRefused extends Error {
  constructor(readonly findings: string[]) {
    super(`Atrium refuses to start:\n${findings.map((finding) => `  - ${finding}`).join('\n')}`);
    this.name = 'BootRefused';
  }
}

/**
 * Examines catalogue, secrets and clock before the first request.
 * @throws BootRefused with all findings at once.
 */
export async function assertBootable(db: Db, { logins }: { logins: { app: string; system: string } }, config: Config): Promise<void> {
  const findings = [...(await catalogueFindings(db, logins)), ...(await keyFindings(db, config)), ...(await clockFindings(db))];
  if (findings.length > 0) throw new BootRefused(findings);
}

/**
 * The same before anything is changed by a process that may not: the passwords of the runtime logins follow from ENCRYPTION_KEY, and
 * setting them by another key would lock out the processes that run.
 * @throws BootRefused when the database was made with other keys.
 */
export async function assertSameKeys(ownerUrl: string, config: Config): Promise<void> {
  const client = new pg.Client({ connectionString: ownerUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ key_fingerprints: Record<string, string> }>('SELECT key_fingerprints FROM installation');
    const findings = rows[0] ? differences(rows[0].key_fingerprints, config) : [];
    if (findings.length > 0) throw new BootRefused(findings);
  } finally {
    await client.end();
  }
}

/** Processes that share a database must share their secrets: the first one leaves their fingerprints. */
async function keyFindings(db: Db, config: Config): Promise<string[]> {
  const own = config.keyFingerprints;
  const stored = await db.asSystem('key fingerprints', async (tx) => {
    await tx.$executeRaw`INSERT INTO installation (id, key_fingerprints) VALUES (1, ${JSON.stringify(own)}::jsonb) ON CONFLICT DO NOTHING`;
    const [row] = await tx.$queryRaw<{ key_fingerprints: Record<string, string> }[]>`SELECT key_fingerprints FROM installation`;
    return row?.key_fingerprints ?? {};
  });
  return differences(stored, config);
}

function differences(stored: Record<string, string>, { keyFingerprints: own }: Config): string[] {
  const names = { auditKey: 'AUDIT_KEY', encryptionKey: 'ENCRYPTION_KEY' } as const;
  return (['auditKey', 'encryptionKey'] as const)
    .filter((key) => stored[key] !== own[key])
    .map((key) => `${names[key]} is not the one that this database was made with: use the same in every process`);
}

async function clockFindings(db: Db): Promise<string[]> {
  const [row] = await db.asSystem('clock', (tx) => tx.$queryRaw<{ now: Date }[]>`SELECT clock_timestamp() AS now`);
  const seconds = Math.abs(Date.now() - (row?.now.getTime() ?? 0)) / 1_000;
  return seconds > MAX_CLOCK_SECONDS ? [`the clocks of this machine and of the database differ by ${Math.round(seconds)} seconds`] : [];
}
