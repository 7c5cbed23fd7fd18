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
  readonly events = new Events(new Metrics());
  readonly probe = new Probe();
  private readonly dispatcher = new Dispatcher(own.db, this.events, new Log('fatal'), {
    getProviders: () => [{ instance: this.probe }],
  } as unknown as DiscoveryService);

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
afterEach(async () => void (await Promise.all(processes.splice(0).map((one) => one.stop()))));

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

  await eventually('the rest is heard', async () => {
    await passWait(orgId);
    return probe.heard.at(-1) === 5;
  });

  await eventually('the cursor is at the head', atHead(orgId));
  expect(probe.heard).toEqual([1, 2, ...Array.from({ length: 8 }, () => 3), 4, 5]);
  const failures = await asSuperuser('SELECT subscriber, seq, failure FROM event_failures WHERE org_id = $1', [orgId]);
  expect(failures).toEqual([{ subscriber: SUBSCRIBER, seq: '3', failure: 'poison' }]);
  expect(await cursorOf(orgId)).toMatchObject({ attempts: 0 });
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
