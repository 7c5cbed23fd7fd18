import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { DiscoveryService } from '@nestjs/core';
import type { EventType, OrgId } from '@atrium/contracts';
import { Log, Metrics } from '@atrium/platform/observability';
import { systemContext } from '@atrium/platform/tenancy';
import { eventually } from '../../../test/lib/api.js';
import { type OwnDatabase, ownDatabase } from '../../../test/lib/own-database.js';
import { withClient } from '../../../test/lib/row-security.js';
import { Dispatcher } from './dispatcher.js';
import type { LoggedEvent } from './event.js';
import { Events } from './events.js';
import { OnEvent } from './subscribers.js';

let own: OwnDatabase;
beforeAll(async () => (own = await ownDatabase()));
afterAll(() => own.drop());

const SUBSCRIBER = 'test.probe';

/** Hears files, but not those named `other`; `hearing` decides what becomes of each. */
class Probe {
  readonly heard: number[] = [];
  hearing: (event: LoggedEvent) => Promise<void> = () => Promise.resolve();

  @OnEvent(SUBSCRIBER, ['documents.uploaded', 'documents.retried'], ({ subject }) => subject.kind !== 'other')
  async hear(_ctx: unknown, event: LoggedEvent): Promise<void> {
    this.heard.push(event.seq);
    await this.hearing(event);
  }
}

/** Every process has its own events, dispatcher and subscribers; what they share is the database. */
class Process {
  readonly metrics = new Metrics();
  readonly events = new Events(this.metrics);
  readonly probe = new Probe();
  readonly dispatcher = new Dispatcher(
    own.db,
    this.events,
    new Log('fatal'),
    { getProviders: () => [{ instance: this.probe }] } as unknown as DiscoveryService,
    this.metrics,
  );

  start(): this {
    this.dispatcher.onApplicationBootstrap();
    return this;
  }
  stop = () => this.dispatcher.beforeApplicationShutdown();

  append(orgId: OrgId, types: EventType[], kind = 'document'): Promise<LoggedEvent[]> {
    const ctx = systemContext(orgId, 'test');
    return own.db.inOrg(ctx, (tx) =>
      this.events.appendMany(
        tx,
        ctx,
        types.map((type) => ({ type, subject: { kind, id: randomUUID() }, audience: 'nobody' })),
      ),
    );
  }
}

const processes: Process[] = [];
const newProcess = () => {
  const one = new Process();
  processes.push(one);
  return one;
};
afterEach(async () => {
  await Promise.all(processes.splice(0).map((one) => one.stop()));
  // No later test hears what this one set aside.
  await asSuperuser('DELETE FROM event_failures', []);
});

async function newLog(): Promise<OrgId> {
  const orgId = randomUUID() as OrgId;
  await own.db.inOrg(systemContext(orgId, 'test'), (tx) => newProcess().events.open(tx, { orgId }));
  return orgId;
}

interface Cursor {
  seq: string;
  head: string;
  attempts: number;
  waits: boolean;
}
const asSuperuser = <R extends object>(sql: string, values: unknown[]) =>
  withClient(own.database.ownerUrl, async (client) => (await client.query<R>(sql, values)).rows);
const cursorOf = async (orgId: OrgId): Promise<Cursor | undefined> =>
  (
    await asSuperuser<Cursor>(
      `SELECT c.seq, h.seq AS head, attempts, retry_at IS NOT NULL AS waits FROM event_cursors c JOIN event_heads h USING (org_id)
       WHERE org_id = $1 AND subscriber = $2`,
      [orgId, SUBSCRIBER],
    )
  )[0];
/** As if the time had passed that a subscriber waits for its next try. */
const passWait = (orgId: OrgId) =>
  asSuperuser('UPDATE event_cursors SET retry_at = now() WHERE org_id = $1 AND holder IS NULL AND retry_at > now()', [orgId]);
/** As if the pause were over after which an event that was set aside is tried again, or the time for which whoever tries it is believed alive. */
const passPause = (orgId: OrgId) =>
  asSuperuser('UPDATE event_failures SET retry_at = now() WHERE org_id = $1 AND retry_at IS NOT NULL', [orgId]);
interface Failure {
  failure: string;
  attempts: number;
  deaths: number;
  pause: number | null;
}
const failureOf = async (orgId: OrgId): Promise<Failure | undefined> =>
  (
    await asSuperuser<Failure>(
      'SELECT failure, attempts, deaths, round(extract(epoch FROM retry_at - now()) / 60)::int AS pause FROM event_failures WHERE org_id = $1',
      [orgId],
    )
  )[0];
/** Until the event that fails is set aside, and what follows it is heard. */
async function untilAside(orgId: OrgId, probe: Probe, last: number): Promise<void> {
  await eventually('the rest is heard', async () => {
    await passWait(orgId);
    return probe.heard.at(-1) === last;
  });
  await eventually('the cursor is at the head', atHead(orgId));
}
/** As if the time had passed for which the cursor is held: whoever holds it is believed dead. */
const passHold = (orgId: OrgId) =>
  asSuperuser('UPDATE event_cursors SET retry_at = now() WHERE org_id = $1 AND holder IS NOT NULL', [orgId]);
const atHead = (orgId: OrgId) => async () => {
  const cursor = await cursorOf(orgId);
  return cursor?.seq === cursor?.head && cursor?.waits === false;
};

it('brings what a subscriber wants, in order and once, whether it was announced or not, and ends at the head', async () => {
  const orgId = await newLog();
  const writer = newProcess();
  await writer.append(orgId, ['documents.uploaded', 'documents.removed', 'documents.retried']);
  const local = newProcess().start();
  const { probe } = local;
  await eventually('what nobody announced is heard', async () => probe.heard.length === 2);

  await local.append(orgId, ['documents.uploaded'], 'other');
  await local.append(orgId, ['documents.uploaded', 'documents.removed']);
  await writer.append(
    orgId,
    Array.from({ length: 250 }, () => 'documents.uploaded' as const),
  );

  await eventually('the cursor is at the head', atHead(orgId));
  expect(probe.heard).toEqual([1, 3, 5, ...Array.from({ length: 250 }, (_, index) => 7 + index)]);
});

it('tries an event that fails again without repeating what came before it, sets it aside, and goes on', async () => {
  const orgId = await newLog();
  const { probe } = newProcess().start();
  probe.hearing = ({ seq }) => (seq === 3 ? Promise.reject(new Error('poison')) : Promise.resolve());
  await newProcess().append(
    orgId,
    Array.from({ length: 5 }, () => 'documents.uploaded' as const),
  );

  await untilAside(orgId, probe, 5);

  expect(probe.heard).toEqual([1, 2, ...Array.from({ length: 8 }, () => 3), 4, 5]);
  const failures = await asSuperuser('SELECT subscriber, seq, failure FROM event_failures WHERE org_id = $1', [orgId]);
  expect(failures).toEqual([{ subscriber: SUBSCRIBER, seq: '3', failure: 'poison' }]);
  expect(await cursorOf(orgId)).toMatchObject({ attempts: 0 });
});

it('tries again by itself what was set aside, with a growing pause, until it is heard, and counts it meanwhile', async () => {
  const orgId = await newLog();
  const one = newProcess().start();
  const { probe } = one;
  const counted = async () => (await one.metrics.setAside.get()).values.find(({ labels }) => labels.subscriber === SUBSCRIBER)?.value ?? 0;
  probe.hearing = ({ seq }) => (seq === 1 ? Promise.reject(new Error('away')) : Promise.resolve());
  await newProcess().append(orgId, ['documents.uploaded', 'documents.uploaded']);
  await untilAside(orgId, probe, 2);
  expect(await failureOf(orgId)).toEqual({ failure: 'away', attempts: 0, deaths: 0, pause: 1 });
  await eventually('it is counted', async () => (await counted()) === 1 && one.dispatcher.setAside[SUBSCRIBER] === 1);

  for (const [attempts, pause] of [
    [1, 2],
    [2, 4],
  ] as const) {
    await passPause(orgId);
    await eventually('it is tried again', async () => {
      const failure = await failureOf(orgId);
      return failure?.attempts === attempts && failure.pause === pause;
    });
  }
  await asSuperuser('UPDATE event_failures SET attempts = 1000 WHERE org_id = $1', [orgId]);
  await passPause(orgId);
  await eventually('the pause has an end', async () => (await failureOf(orgId))?.pause === 60);

  await one.append(orgId, ['documents.uploaded']);
  await eventually('it holds up nothing', async () => probe.heard.at(-1) === 3);
  probe.hearing = () => Promise.resolve();
  await passPause(orgId);
  await eventually('it is set aside no more', async () => (await failureOf(orgId)) === undefined);
  expect(probe.heard.slice(-2)).toEqual([3, 1]);
  await eventually('it is counted no more', async () => (await counted()) === 0);
});

it('leaves to a person what was set aside and then ends its process', async () => {
  const orgId = await newLog();
  await newProcess().append(orgId, ['documents.uploaded', 'documents.uploaded']);
  await asSuperuser('INSERT INTO event_cursors (org_id, subscriber, seq) VALUES ($1, $2, 2)', [orgId, SUBSCRIBER]);
  await asSuperuser(
    `INSERT INTO event_failures (org_id, id, subscriber, seq, failure, retry_at) VALUES ($1, gen_random_uuid(), $2, 1, 'away', now())`,
    [orgId, SUBSCRIBER],
  );

  for (const deaths of [1, 2, 3]) {
    expect(await life(orgId, 1, 2)).toEqual({ heard: [1], signal: 'SIGKILL' });
    await passPause(orgId);
    const witness = newProcess().start();
    await eventually('its end is noticed', async () => (await failureOf(orgId))?.deaths === deaths);
    expect(witness.probe.heard).toEqual([]);
    await witness.stop();
    if (deaths < 3) await passPause(orgId);
  }

  expect(await failureOf(orgId)).toEqual({ failure: 'The process ended each time.', attempts: 3, deaths: 3, pause: null });
  await asSuperuser('UPDATE event_failures SET retry_at = now() WHERE org_id = $1', [orgId]);
  const healed = newProcess().start();
  await eventually('it is set aside no more', async () => (await failureOf(orgId)) === undefined);
  expect(healed.probe.heard).toEqual([1]);
});

it('takes over from a process that died with a batch in hand', async () => {
  const orgId = await newLog();
  const dead = newProcess();
  let end = () => undefined as void;
  dead.probe.hearing = ({ seq }) => (seq === 2 ? new Promise((resolve) => (end = resolve)) : Promise.resolve());
  dead.start();
  await dead.append(orgId, ['documents.uploaded', 'documents.uploaded', 'documents.uploaded']);
  await eventually('it hangs', async () => dead.probe.heard.length === 2);

  const heir = newProcess().start();
  await heir.append(orgId, ['documents.uploaded']);
  expect(heir.probe.heard).toEqual([]);
  await passHold(orgId);
  await eventually('the heir hears all of it', async () => heir.probe.heard.length === 4);
  expect(heir.probe.heard).toEqual([1, 2, 3, 4]);
  await eventually('the cursor is at the head', atHead(orgId));
  end();
});

it('does nothing more with a cursor that another process took over, be what it had in hand heard or failed', async () => {
  for (const outcome of ['heard', 'failed']) {
    const orgId = await newLog();
    const paused = newProcess();
    let goOn = () => undefined as void;
    paused.probe.hearing = () =>
      new Promise((resolve, reject) => (goOn = () => (outcome === 'heard' ? resolve() : reject(new Error('too late')))));
    paused.start();
    await paused.append(orgId, ['documents.uploaded', 'documents.uploaded']);
    await eventually('it hangs', async () => paused.probe.heard.length === 1);
    const heir = newProcess();
    let heirGoesOn = () => undefined as void;
    heir.probe.hearing = ({ seq }) => (seq === 2 ? new Promise((resolve) => (heirGoesOn = resolve)) : Promise.resolve());
    await passHold(orgId);
    heir.start();
    await eventually('the heir has the second in hand', async () => heir.probe.heard.length === 2);
    const holder = () => asSuperuser('SELECT seq, holder, attempts FROM event_cursors WHERE org_id = $1', [orgId]);
    const before = await holder();

    goOn();
    await paused.stop();

    expect(paused.probe.heard).toEqual([1]);
    expect(await holder()).toEqual(before);
    heirGoesOn();
    await eventually('the cursor is at the head', atHead(orgId));
    expect(heir.probe.heard).toEqual([1, 2]);
    await heir.stop();
  }
});

it('keeps the cursor of a subscriber that takes its time', async () => {
  const orgId = await newLog();
  const slow = newProcess();
  let goOn = () => undefined as void;
  slow.probe.hearing = () => new Promise((resolve) => (goOn = resolve));
  slow.start();
  await slow.append(orgId, ['documents.uploaded']);
  await eventually('it has the event in hand', async () => slow.probe.heard.length === 1);
  const until = async () => (await asSuperuser<{ retry_at: Date }>('SELECT retry_at FROM event_cursors WHERE org_id = $1', [orgId]))[0];
  const before = await until();

  await eventually('it is held for longer', async () => Number((await until())?.retry_at) > Number(before?.retry_at));

  goOn();
  await eventually('the cursor is at the head', atHead(orgId));
  expect(slow.probe.heard).toEqual([1]);
});

/** A process of its own that hears the organization, until it ends or has heard `last`: what it heard, and the signal that ended it. */
async function life(orgId: OrgId, kills: number, last: number): Promise<{ heard: number[]; signal: NodeJS.Signals | null }> {
  const { appUrl, systemUrl } = own.database;
  const order = JSON.stringify({ appUrl, systemUrl, subscriber: SUBSCRIBER, orgId, kills });
  const child = fork('test/lib/subscriber-process.mjs', [order]);
  const heard: number[] = [];
  child.on('message', (seq: number) => {
    heard.push(seq);
    if (seq === last) child.disconnect();
  });
  const [, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  return { heard, signal };
}

it('sets aside an event that kills the process each time, and no other of its batch', async () => {
  const orgId = await newLog();
  await newProcess().append(
    orgId,
    Array.from({ length: 4 }, () => 'documents.uploaded' as const),
  );

  for (const [attempts, heard] of [
    [1, [1, 2, 3]],
    [2, [1, 2, 3]],
    [3, [3]],
  ] as const) {
    expect(await life(orgId, 3, 4)).toEqual({ heard, signal: 'SIGKILL' });
    expect(await cursorOf(orgId)).toMatchObject({ attempts, waits: true });
    await passHold(orgId);
  }
  // As if it had died five times more.
  await asSuperuser('UPDATE event_cursors SET attempts = 8 WHERE org_id = $1', [orgId]);

  expect(await life(orgId, 3, 4)).toEqual({ heard: [4], signal: null });
  const failures = await asSuperuser('SELECT subscriber, seq, failure FROM event_failures WHERE org_id = $1', [orgId]);
  expect(failures).toEqual([{ subscriber: SUBSCRIBER, seq: '3', failure: 'The process ended each time.' }]);
});
