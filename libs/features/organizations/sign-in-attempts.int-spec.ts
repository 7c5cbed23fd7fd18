import { Upkeep } from '@atrium/platform/db';
import type { DomainError } from '@atrium/platform/errors';
import { Log } from '@atrium/platform/observability';
import { type OwnDatabase, ownDatabase } from '../../../test/lib/own-database.js';
import { withClient } from '../../../test/lib/row-security.js';
import { SignInAttempts } from './sign-in-attempts.js';

describe('failed sign-ins', () => {
  let own: OwnDatabase;
  let upkeep: Upkeep;

  beforeAll(async () => {
    own = await ownDatabase();
    upkeep = new Upkeep(own.db, new Log('silent'));
  });
  afterAll(() => own.drop());

  /** As another process counts: nothing is shared but the database. */
  const process = () => new SignInAttempts(own.db, upkeep);
  const begin = (attempts: SignInAttempts, email: string, ip: string) => own.db.asIdentity((tx) => attempts.begin(tx, email, ip));
  const fail = async (times: number, email: string, ip: (at: number) => string) => {
    for (let at = 0; at < times; at += 1) await begin(process(), email, ip(at));
  };
  const passTime = (minutes: number) =>
    withClient(own.database.ownerUrl, (client) =>
      client.query(`UPDATE sign_in_attempts SET ends_at = ends_at - ${minutes} * interval '1 minute'`),
    );

  it('are refused from the eleventh of an account and address on, in every process, and say how long', async () => {
    await fail(10, 'a@example.com', () => '1.1.1.1');
    await passTime(1);

    const refusal = await begin(process(), 'a@example.com', '1.1.1.1').catch((error: unknown) => error as DomainError);
    expect(refusal).toMatchObject({ code: 'request.rate_limited' });
    const minutesLeft = (refusal?.options.retryAfterSeconds ?? 0) / 60;
    expect(minutesLeft).toBeGreaterThan(12);
    expect(minutesLeft).toBeLessThanOrEqual(14);
    await begin(process(), 'a@example.com', '2.2.2.2');
    await begin(process(), 'b@example.com', '1.1.1.1');
  });

  it('let no more through when they come at once', async () => {
    const tries = await Promise.allSettled(Array.from({ length: 16 }, () => begin(process(), 'c@example.com', '3.3.3.3')));

    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
  });

  it('are forgotten after 15 minutes, and their rows removed', async () => {
    await fail(10, 'd@example.com', () => '4.4.4.4');
    await passTime(16);

    await begin(process(), 'd@example.com', '4.4.4.4');
    process().onModuleInit();
    await passTime(16);
    await upkeep.turn();
    expect(await own.db.asIdentity((tx) => tx.signInAttempt.count())).toBe(0);
  });

  it('slow an account that many addresses try', async () => {
    await fail(50, 'e@example.com', (at) => `5.5.5.${at}`);

    await expect(begin(process(), 'e@example.com', '9.9.9.9')).rejects.toThrow('Too many failed sign-ins');
  });

  it('slow an address that tries many accounts', async () => {
    for (let at = 0; at < 200; at += 1) await begin(process(), `f${at}@example.com`, '6.6.6.6');

    await expect(begin(process(), 'another@example.com', '6.6.6.6')).rejects.toThrow('Too many failed sign-ins');
  });

  it('of an address at an account are forgotten when the password was right', async () => {
    await fail(10, 'g@example.com', () => '7.7.7.7');
    await process().succeed('g@example.com', '7.7.7.7');

    await begin(process(), 'g@example.com', '7.7.7.7');
  });
});
