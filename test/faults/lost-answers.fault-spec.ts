import { randomUUID } from 'node:crypto';
import { Api, newColleague, type Person } from '../lib/api.js';
import { DroppingProxy } from '../lib/dropping-proxy.js';
import { type Call, newTenant, otherBody, type RawAnswer, send, type Tenant } from '../lib/matrix.js';
import { type Operation, openApi, operationsOf } from '../lib/openapi.js';
import { dropClusters } from '../lib/postgres.js';
import { startTestApp } from '../lib/server.js';
import { CONTROLS } from '../security/controls.js';
import { IDEMPOTENCY_EXCEPTIONS } from '../security/idempotency-exceptions.js';
import { type Ground, type Mode, MODES, newGround, tell } from './ground.js';

const MUTATING = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);
/** A call of a tool is counted by the tool's own effects; a new session is one that a repeat gives again. */
const LEFT_OUT = /^(tools\.|auth\.(switch|login)$)/;
const PARALLEL = 64;

afterAll(dropClusters);

describe.each<Mode>(MODES)('FT5: the change is made and its answer gets lost (%s)', (mode) => {
  let ground: Ground;
  let app: Awaited<ReturnType<typeof startTestApp>>;
  let proxy: DroppingProxy;
  let tenant: Tenant;
  let owner: Person;
  let operations: Operation[];

  beforeAll(async () => {
    ground = await newGround(mode);
    app = await startTestApp(ground);
    const { baseUrl } = app.run;
    // The controls call the app of the run: here it is this one.
    process.env['ATRIUM_TEST_RUN'] = JSON.stringify(app.run);
    proxy = await DroppingProxy.start(baseUrl);
    tenant = await newTenant('Lost', baseUrl);
    owner = tenant.owner;
    operations = operationsOf(await openApi(baseUrl)).filter(
      ({ id, method }) => MUTATING.has(method) && CONTROLS[id] && !IDEMPOTENCY_EXCEPTIONS[id] && !LEFT_OUT.test(id),
    );
  }, 240_000);
  afterAll(async () => {
    delete process.env['ATRIUM_TEST_RUN'];
    await proxy.stop();
    await app.stop();
    await ground.remove();
  });

  /** How many audited events the requests of these ids have made. */
  async function effectsOf(requestIds: string[], type: string): Promise<number> {
    const { data } = await owner.api.get<{ data: { requestId: string | null }[] }>('/v1/audit', { type, limit: 200 });
    return data.filter(({ requestId }) => requestId !== null && requestIds.includes(requestId)).length;
  }
  const withKey = (call: Call, key: string): Call => ({ ...call, headers: { ...call.headers, 'idempotency-key': key } });
  const audited = (operation: Operation) => (CONTROLS[operation.id]?.audited ?? []).filter((type) => !type.startsWith('instance.'));
  const status = (operation: Operation) => CONTROLS[operation.id]?.status;

  it('each changing route makes it once, and answers the same when it is asked again', async () => {
    const faults: string[] = [];
    for (const operation of operations) {
      const control = CONTROLS[operation.id];
      const by = control?.asNewPerson ? await newColleague(owner, 'admin') : owner;
      const call = withKey((await control?.call(tenant, by)) ?? {}, randomUUID());
      const ids = [randomUUID(), randomUUID(), randomUUID()];
      const [lost = '', second = '', third = ''] = ids;
      const dropped = await send(new Api(by.api.token, proxy.baseUrl), operation, call, lost).catch(() => null);
      if (dropped) faults.push(`${operation.id}: the answer was not lost`);
      const [again, more]: RawAnswer[] = [await send(by.api, operation, call, second), await send(by.api, operation, call, third)];

      for (const answer of [again, more])
        if (answer?.status !== status(operation) || answer?.headers['idempotency-replayed'] !== 'true')
          faults.push(
            `${operation.id}: ${answer?.status} replayed ${answer?.headers['idempotency-replayed']} ${answer?.text.slice(0, 200)}`,
          );
      if (again?.text !== more?.text) faults.push(`${operation.id}: two answers differ`);
      // Anonymous routes have no organization's log yet, or a new one, and count a key together with its body.
      if (/^(auth\.|organizations\.create|invitations\.accept)/.test(operation.id)) continue;
      for (const type of audited(operation)) {
        const made = await effectsOf(ids, type);
        if (made !== 1) faults.push(`${operation.id}: ${made} times ${type}`);
      }
      const another = otherBody(call);
      const other = another && (await send(by.api, operation, another, randomUUID()));
      if (other && other.status !== 422) faults.push(`${operation.id}: another body under the same key answers ${other.status}`);
    }

    tell(`FT5 ${mode}: ${operations.length} routes`);
    expect(faults).toEqual([]);
  }, 300_000);

  it(`${PARALLEL} equal requests at once have one effect`, async () => {
    const operation = operations.find(({ id }) => id === 'messages.post');
    if (!operation) throw new Error('there is no messages.post');
    const call = withKey((await CONTROLS['messages.post']?.call(tenant, owner)) ?? {}, randomUUID());
    const ids = Array.from({ length: PARALLEL }, () => randomUUID());

    const answers = await Promise.all(ids.map((id) => send(owner.api, operation, call, id)));

    expect(answers.filter(({ status: code }) => code !== 201 && code !== 409)).toEqual([]);
    expect(new Set(answers.filter(({ status: code }) => code === 201).map(({ text }) => text)).size).toBe(1);
    expect(await effectsOf(ids, 'chat.message_posted')).toBe(1);
  }, 120_000);
});
