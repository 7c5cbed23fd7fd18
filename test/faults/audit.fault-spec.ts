import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import type { AuditVerification, Channel, OrgId } from '@atrium/contracts';
import { deriveKey } from '@atrium/platform/config';
import type { Db } from '@atrium/platform/db';
import { Events, Sealer, Verifier } from '@atrium/platform/events';
import { Log, Metrics } from '@atrium/platform/observability';
import { systemContext } from '@atrium/platform/tenancy';
import { AuditHeads } from '../../libs/platform/events/audit-heads.js';
import { AuditKey } from '../../libs/platform/events/audit-key.js';
import { chainHash } from '../../libs/platform/events/chain.js';
import { anonymous, Api, eventually, newOrganization, type Person } from '../lib/api.js';
import { type OwnDatabase, ownDatabase } from '../lib/own-database.js';
import { withClient } from '../lib/row-security.js';
import { killServers, Server } from '../lib/server.js';
import { pause, tell } from './ground.js';
import { Tamperer } from './tampering.js';

/** Of each kind; AU5=1000 is the size of the release. */
const TAMPERINGS = Number(process.env['AU5'] ?? 200);
const EVENTS_OF_LOG = 60;

interface LogParts {
  events: Events;
  sealer: Sealer;
  verifier: Verifier;
}

/** The log's parts on a database of the test's own; the sealer works only when told to. */
function partsOn({ db, config }: OwnDatabase): LogParts {
  const key = new AuditKey(deriveKey(config.auditKey.reveal(), 'audit chain'));
  const heads = new AuditHeads(join(config.DATA_DIR, 'audit'), key.bytes);
  return {
    events: new Events(new Metrics()),
    sealer: new Sealer(db, heads, key, new Log('fatal')),
    verifier: new Verifier(db, heads, key),
  };
}

/** A sealed log of facts, some with text. */
async function newLog({ db }: OwnDatabase, { events, sealer }: LogParts, count: number): Promise<OrgId> {
  const orgId = uuidv7() as OrgId;
  const ctx = systemContext(orgId, 'fault-test');
  await db.inOrg(ctx, (tx) => events.open(tx, ctx));
  for (let batch = 0; batch < count; batch += 20) await appendTo(db, events, orgId, Math.min(20, count - batch));
  await sealer.seal(orgId);
  return orgId;
}

function appendTo(db: Db, events: Events, orgId: OrgId, count: number): Promise<unknown> {
  const ctx = systemContext(orgId, 'fault-test');
  const drafts = Array.from({ length: count }, (_, index) => ({
    type: 'chat.message_posted' as const,
    subject: { kind: 'message', id: uuidv7() },
    audience: 'nobody' as const,
    data: { number: index },
    changes: { number: [null, index] as [null, number] },
    ...(index % 2 ? { text: { body: `text ${index}` } } : {}),
  }));
  return db.inOrg(ctx, (tx) => events.appendMany(tx, ctx, drafts));
}

describe('AU5: whoever changes the log in the database is found', () => {
  let own: OwnDatabase;
  let parts: LogParts;

  beforeAll(async () => {
    own = await ownDatabase();
    parts = partsOn(own);
  });
  afterAll(() => own.drop());

  const KINDS = {
    edit: (tamperer: Tamperer) => tamperer.edit(),
    delete: (tamperer: Tamperer) => tamperer.remove(),
    swap: (tamperer: Tamperer) => tamperer.swap(),
    insert: (tamperer: Tamperer) => tamperer.insert(),
    'tail truncation': (tamperer: Tamperer) => tamperer.truncate(),
    rehash: (tamperer: Tamperer) => tamperer.rehash(chainHash),
  };

  it.each(Object.entries(KINDS))(
    `%s: ${TAMPERINGS} of ${TAMPERINGS}, with the first bad record named`,
    async (kind, tamper) => {
      const orgId = await newLog(own, parts, EVENTS_OF_LOG);
      const missed: string[] = [];
      await withClient(own.database.ownerUrl, async (client) => {
        const tamperer = new Tamperer(client, orgId, EVENTS_OF_LOG);
        await tamperer.prepare();
        for (let round = 0; round < TAMPERINGS; round++) {
          const bad = await tamperer.unguarded(() => tamper(tamperer));
          const { valid, firstInvalidSeq, reason } = await parts.verifier.verify({ orgId });
          if (valid || !bad.includes(firstInvalidSeq ?? -1))
            missed.push(`${kind}: bad from ${bad.join(' or ')}, told ${firstInvalidSeq} ${reason}`);
          await tamperer.restore();
        }
        await tamperer.forget();
      });

      expect(missed).toEqual([]);
      expect(await parts.verifier.verify({ orgId })).toMatchObject({ valid: true, count: EVENTS_OF_LOG, sealedCount: EVENTS_OF_LOG });
      tell(`AU5 ${kind}: ${TAMPERINGS}/${TAMPERINGS} found`);
    },
    1_800_000,
  );

  it('does not let the sealer seal over what was cut or rewritten', async () => {
    for (const rewrite of ['cut', 'rewritten'] as const) {
      const orgId = await newLog(own, parts, EVENTS_OF_LOG);
      await withClient(own.database.ownerUrl, async (client) => {
        const tamperer = new Tamperer(client, orgId, EVENTS_OF_LOG);
        await tamperer.unguarded(async () => {
          await tamperer.run('DELETE FROM event_seals WHERE org_id = $1 AND seq > $2', EVENTS_OF_LOG - 10);
          if (rewrite === 'cut') await tamperer.cutAfter(EVENTS_OF_LOG - 10);
          else await tamperer.run('UPDATE events SET actor_id = gen_random_uuid() WHERE org_id = $1 AND seq > $2', EVENTS_OF_LOG - 10);
        });
      });

      // Seals what the attacker left, and more than was there before.
      await parts.sealer.seal(orgId);
      await appendTo(own.db, parts.events, orgId, 20);
      await parts.sealer.seal(orgId);

      const verdict = await parts.verifier.verify({ orgId });
      expect({ rewrite, valid: verdict.valid, named: verdict.firstInvalidSeq }).toEqual({ rewrite, valid: false, named: EVENTS_OF_LOG });
    }
  });

  it('finds a twin of the last record of a page', async () => {
    const orgId = await newLog(own, parts, 2_020);
    await withClient(own.database.ownerUrl, async (client) => {
      const tamperer = new Tamperer(client, orgId, 2_020);
      await tamperer.unguarded(() => tamperer.copy(2_000, 2_000, "e.at + interval '1 second'"));
    });

    expect(await parts.verifier.verify({ orgId })).toMatchObject({ valid: false });
  });
});

describe('the head outside the database', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'atrium-audit-'));
  let owner: Person;
  let channel: Channel;
  const headFile = () => join(dataDir, 'audit', `${owner.organization.id}.json`);
  const verify = () => owner.api.get<AuditVerification>('/v1/audit/verify');
  const post = (body: string) => owner.api.post(`/v1/channels/${channel.id}/messages`, { body });
  const allSealed = () =>
    eventually('all is sealed', async () => {
      const verdict = await verify();
      return verdict.count === verdict.sealedCount && verdict;
    });
  const serve = async () => {
    const server = await Server.start({ dataDir });
    owner = owner ? await signedInAgain(owner, server) : await newOrganization('Audited', server.baseUrl);
    return server;
  };

  afterAll(async () => {
    await killServers();
    rmSync(dataDir, { recursive: true, force: true });
  });

  it('AU8: raises no alarm when a kill came between the seals and the head', async () => {
    let server = await serve();
    channel = await owner.api.post<Channel>('/v1/channels', { name: 'audited' });
    await allSealed();
    const older = readFileSync(headFile());
    await post('one more');
    await allSealed();
    await server.kill();
    // As if the kill had come before the head was written.
    writeFileSync(headFile(), older);

    server = await serve();

    expect(await verify()).toMatchObject({ valid: true, reason: null });
    await post('and another');
    const { sealedCount } = await allSealed();
    await eventually(
      'the head moves on',
      async () => (JSON.parse(readFileSync(headFile(), 'utf8')) as { seq: number }).seq === sealedCount,
    );
    expect(await verify()).toMatchObject({ valid: true, reason: null });
    await server.kill();
  }, 120_000);

  it('AU7: tells that an older backup was restored, also after the log went on', async () => {
    let server = await serve();
    const backup = await allSealed();
    await server.stop();
    cpSync(join(dataDir, 'db'), join(dataDir, 'backup'), { recursive: true });
    server = await serve();
    for (let message = 0; message < 5; message++) await post(`lost ${message}`);
    const lost = await allSealed();
    await server.stop();
    rmSync(join(dataDir, 'db'), { recursive: true });
    cpSync(join(dataDir, 'backup'), join(dataDir, 'db'), { recursive: true });

    server = await serve();

    const verdict = await verify();
    expect(verdict).toMatchObject({ valid: false, reason: expect.stringContaining('older backup') });
    // The sign-in after it may be sealed already.
    expect([backup.sealedCount + 1, backup.sealedCount + 2]).toContain(verdict.firstInvalidSeq);
    for (let message = 0; message < 8; message++) await post(`new ${message}`);
    await pause(2_000);
    expect(await verify()).toMatchObject({ valid: false, firstInvalidSeq: lost.sealedCount });
    await server.stop();
  }, 120_000);
});

async function signedInAgain(person: Person, server: Server): Promise<Person> {
  const { email, password } = person;
  const signedIn = await anonymous(server.baseUrl).post<Person>('/v1/auth/login', { email, password });
  return { ...signedIn, email, password, api: new Api(signedIn.accessToken, server.baseUrl) };
}
