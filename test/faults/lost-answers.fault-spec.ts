import { randomUUID } from 'node:crypto';
import { Api, type Person } from '../lib/api.js';
import { DroppingProxy } from '../lib/dropping-proxy.js';
import { type Call, newTenant, type RawAnswer, send, type Tenant } from '../lib/matrix.js';
import { type Operation, openApi, operationsOf } from '../lib/openapi.js';
import { dropClusters } from '../lib/postgres.js';
import { killServers } from '../lib/server.js';
import { CONTROLS } from '../security/controls.js';
import { type Ground, type Mode, MODES, newGround, tell } from './ground.js';

const MUTATING = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);
/** They change nothing that could happen twice, or end the very session that would send them again. */
const LEFT_OUT = /^(search\.|tools\.|events\.ticket|auth\.(refresh|switch|logout|logoutAll|login)$)/;
/** Done again, they find it done: their command claims no key, so nothing is replayed. */
const NOT_REPLAYED = new Set(['me.patch', 'me.endSession']);
const PARALLEL = 64;

afterAll(async () => {
  await killServers();
  await dropClusters();
});

describe.each<Mode>(MODES)('FT5: the change is made and its answer gets lost (%s)', (mode) => {
  let ground: Ground;
  let proxy: DroppingProxy;
  let tenant: Tenant;
  let owner: Person;
  let operations: Operation[];

  beforeAll(async () => {
    ground = await newGround(mode);
    const server = await ground.serve();
    // The controls call the app of the run: here it is this one.
    process.env['ATRIUM_TEST_RUN'] = JSON.stringify({ baseUrl: server.baseUrl, dataDir: ground.dataDir });
    proxy = await DroppingProxy.start(server.baseUrl);
    tenant = await newTenant('Lost', server.baseUrl);
    owner = tenant.owner;
    operations = operationsOf(await openApi(server.baseUrl)).filter(
      ({ id, method }) => MUTATING.has(method) && CONTROLS[id] && !LEFT_OUT.test(id),
    );
  }, 240_000);
  afterAll(async () => {
    delete process.env['ATRIUM_TEST_RUN'];
    await proxy.stop();
    await killServers();
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
      const call = withKey((await CONTROLS[operation.id]?.call(tenant, owner)) ?? {}, randomUUID());
      const ids = [randomUUID(), randomUUID(), randomUUID()];
      const [lost = '', second = '', third = ''] = ids;
      const dropped = await send(new Api(owner.api.token, proxy.baseUrl), operation, call, lost).catch(() => null);
      if (dropped) faults.push(`${operation.id}: the answer was not lost`);
      const [again, more]: RawAnswer[] = [await send(owner.api, operation, call, second), await send(owner.api, operation, call, third)];

      for (const answer of NOT_REPLAYED.has(operation.id) ? [] : [again, more])
        if (answer?.status !== status(operation) || answer?.headers['idempotency-replayed'] !== 'true')
          faults.push(
            `${operation.id}: ${answer?.status} replayed ${answer?.headers['idempotency-replayed']} ${answer?.text.slice(0, 200)}`,
          );
      if (!NOT_REPLAYED.has(operation.id) && again?.text !== more?.text) faults.push(`${operation.id}: two answers differ`);
      // Anonymous routes have no organization's log yet, or a new one, and count a key together with its body.
      if (/^(auth\.|organizations\.create|invitations\.accept)/.test(operation.id) || NOT_REPLAYED.has(operation.id)) continue;
      for (const type of audited(operation)) {
        const made = await effectsOf(ids, type);
        if (made !== 1) faults.push(`${operation.id}: ${made} times ${type}`);
      }
      if (call.body === undefined || call.body instanceof FormData) continue;
      const other = await send(owner.api, operation, otherBody(call), randomUUID());
      if (other.status !== 422) faults.push(`${operation.id}: another body under the same key answers ${other.status}`);
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

/** The same request with another value that fits as well. */
function otherBody(call: Call): Call {
  const body = { ...(call.body as Record<string, unknown>) };
  const text = ['displayName', 'organizationName', 'name', 'topic', 'title', 'text', 'body'].find((key) => typeof body[key] === 'string');
  if (text) body[text] = `other ${randomUUID()}`;
  else if ('email' in body) body['email'] = `${randomUUID()}@example.com`;
  else if ('seq' in body) body['seq'] = 0;
  else body['role'] = body['role'] === 'member' ? 'admin' : 'member';
  return { ...call, body };
}
