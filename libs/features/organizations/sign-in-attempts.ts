import { createHash } from 'node:crypto';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Db, type IdentityTx, Upkeep } from '@atrium/platform/db';
import { QuotaExceeded } from '@atrium/platform/errors';
import { addressGroup } from '@atrium/platform/tenancy';

const WINDOW_SECONDS = 15 * 60;
/** Failures of one account from one address within the window. */
const MAX_OF_PAIR = 10;
/** Failures of one account from anywhere: a botnet is slowed too. */
const MAX_OF_ACCOUNT = 50;
/** Failures of one address at any accounts; an office behind one address stays below. */
const MAX_OF_ADDRESS = 200;

interface Tally {
  key: string;
  max: number;
}

/**
 * Counts failed sign-ins for all processes together, in PostgreSQL, so that it counts with Redis away too. Each try counts from its start:
 * parallel guesses do not slip through. Times are the database's.
 */
@Injectable()
export class SignInAttempts implements OnModuleInit {
  constructor(
    private readonly db: Db,
    private readonly upkeep: Upkeep,
  ) {}

  onModuleInit(): void {
    this.upkeep.add('counts of failed sign-ins', (tx) => tx.$executeRaw`DELETE FROM sign_in_attempts WHERE ends_at < clock_timestamp()`);
  }

  /** In the transaction that reads what to compare with: when that fails, nothing was tried. @throws QuotaExceeded `request.rate_limited` */
  async begin(tx: IdentityTx, email: string, ip: string | null): Promise<void> {
    const tallies = talliesOf(email, ip);
    const rows = await tx.$queryRaw<{ key_hash: string; failures: number; seconds: number }[]>`
      INSERT INTO sign_in_attempts AS a (key_hash, failures, ends_at)
      SELECT k, 1, clock_timestamp() + ${WINDOW_SECONDS} * interval '1 second' FROM unnest(${tallies.map(({ key }) => key)}::text[]) k ORDER BY k
      ON CONFLICT (key_hash) DO UPDATE SET
        failures = CASE WHEN a.ends_at <= clock_timestamp() THEN 1 ELSE a.failures + 1 END,
        ends_at = CASE WHEN a.ends_at <= clock_timestamp() THEN EXCLUDED.ends_at ELSE a.ends_at END
      RETURNING key_hash, failures, extract(epoch FROM ends_at - clock_timestamp())::float8 AS seconds`;
    const closed = rows.filter((row) => tallies.some(({ key, max }) => key === row.key_hash && row.failures > max));
    if (closed.length === 0) return;
    const retryAfterSeconds = Math.max(1, ...closed.map(({ seconds }) => Math.ceil(seconds)));
    const minutes = Math.ceil(retryAfterSeconds / 60);
    throw new QuotaExceeded('request.rate_limited', `Too many failed sign-ins. Try again in ${minutes} min.`, { retryAfterSeconds });
  }

  /** The password was right: what this address failed at this account before is forgotten. */
  async succeed(email: string, ip: string | null): Promise<void> {
    const keys = talliesOf(email, ip).map(({ key }) => key);
    await this.db.asIdentity(async (tx) => {
      // Locked in the order of `begin`, so that the two never wait for each other.
      const rows = await tx.$queryRaw<{ key_hash: string; failures: number }[]>`
        SELECT key_hash, failures FROM sign_in_attempts WHERE key_hash = ANY (${keys}::text[]) ORDER BY key_hash FOR UPDATE`;
      const failures = rows.find((row) => row.key_hash === keys[0])?.failures ?? 0;
      await tx.$executeRaw`UPDATE sign_in_attempts SET failures = greatest(0, failures - ${failures}::int) WHERE key_hash = ANY (${keys}::text[])`;
    });
  }
}

/** The pair first. */
function talliesOf(email: string, address: string | null): Tally[] {
  const ip = address && addressGroup(address);
  const pair = { key: keyOf('pair', `${email}\n${ip ?? ''}`), max: MAX_OF_PAIR };
  const account = { key: keyOf('account', email), max: MAX_OF_ACCOUNT };
  return ip === null ? [pair, account] : [pair, account, { key: keyOf('address', ip), max: MAX_OF_ADDRESS }];
}

const keyOf = (kind: string, value: string) => createHash('sha256').update(`${kind}\n${value}`).digest('hex');
