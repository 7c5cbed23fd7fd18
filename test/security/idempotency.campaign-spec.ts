import { randomBytes, randomUUID } from 'node:crypto';
import { EVENTS, type EventType } from '@atrium/contracts';
import { newColleague, type Person } from '../lib/api.js';
import { type Call, newTenant, otherBody, send, type Tenant } from '../lib/matrix.js';
import { openApi, type Operation, operationsOf } from '../lib/openapi.js';
import { withClient } from '../lib/row-security.js';
import { testRun } from '../lib/run.js';
import { CONTROLS, type Control } from './controls.js';
import { IDEMPOTENCY_EXCEPTIONS, PARALLEL_ANSWERS } from './idempotency-exceptions.js';

const MUTATING = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);
const PARALLEL = 16;

/** The audited events of these requests, in the order of the alphabet. */
async function told(requestIds: string[]): Promise<string> {
  const { rows } = await withClient(testRun().database.ownerUrl, (client) =>
    client.query<{ type: EventType }>('SELECT type FROM events WHERE request_id = ANY ($1) ORDER BY type', [requestIds]),
  );
  return rows
    .map(({ type }) => type)
    .filter((type) => EVENTS[type].audited)
    .join();
}

const ids = (count: number) => Array.from({ length: count }, () => randomUUID());
const withKey = (call: Call): Call => ({ ...call, headers: { ...call.headers, 'idempotency-key': randomUUID() } });

describe('Idempotency-Key', () => {
  let tenant: Tenant;
  let operations: Operation[];

  beforeAll(async () => {
    tenant = await newTenant(`keys${randomBytes(4).toString('hex')}`);
    operations = operationsOf(await openApi()).filter(({ method }) => MUTATING.has(method));
  }, 120_000);

  /** Every mutating operation with a new call of it, by somebody who may. */
  async function* attempts(): AsyncGenerator<{ operation: Operation; control: Control; by: Person; call: Call }> {
    for (const operation of operations) {
      const control = CONTROLS[operation.id];
      if (!control || operation.id in IDEMPOTENCY_EXCEPTIONS) continue;
      const by = control.asNewPerson ? await newColleague(tenant.owner, 'admin') : tenant.owner;
      yield { operation, control, by, call: withKey(await control.call(tenant, by)) };
    }
  }

  it('has no exception that is no operation', () => {
    const known = new Set(operations.map(({ id }) => id));
    expect(Object.keys(IDEMPOTENCY_EXCEPTIONS).filter((id) => !known.has(id))).toEqual([]);
  });

  it('makes a repeat the same answer and no second effect, and another body under it a 422, in every mutating operation', async () => {
    const findings: string[] = [];
    for await (const { operation, control, by, call } of attempts()) {
      const [first = '', second = '', third = ''] = ids(3);
      const answer = await send(by.api, operation, call, first);
      const again = await send(by.api, operation, call, second);
      const other = otherBody(call);
      const refused = other && operation.permission !== 'public' ? await send(by.api, operation, other, third) : null;

      if (answer.status !== control.status) findings.push(`${operation.id} answered ${answer.status}: ${answer.text.slice(0, 200)}`);
      if (again.status !== answer.status || again.text !== answer.text)
        findings.push(`${operation.id}: the repeat answered ${again.status}`);
      if (again.headers['idempotency-replayed'] !== 'true') findings.push(`${operation.id} does not say that it is a repeat`);
      if (refused && refused.status !== 422) findings.push(`${operation.id}: another body answered ${refused.status}`);
      const effects = await told([first, second, third]);
      if (effects !== (control.audited ?? []).join()) findings.push(`${operation.id} told ${effects}`);
    }
    expect(findings).toEqual([]);
  }, 180_000);

  it(`lets ${PARALLEL} equal requests at once have one effect, in every mutating operation`, async () => {
    const findings: string[] = [];
    for await (const { operation, control, by, call } of attempts()) {
      const requestIds = ids(PARALLEL);
      const answers = await Promise.all(requestIds.map((id) => send(by.api, operation, call, id)));
      const made = answers.filter(({ status }) => status === control.status);

      if (made.length === 0) findings.push(`${operation.id} answered none of ${PARALLEL}`);
      if (new Set(made.map(({ text }) => text)).size > 1) findings.push(`${operation.id} gave different answers`);
      const expected = [control.status, 409, ...(PARALLEL_ANSWERS[operation.id]?.statuses ?? [])];
      const odd = answers.find(({ status }) => !expected.includes(status));
      if (odd) findings.push(`${operation.id} answered ${odd.status}: ${odd.text.slice(0, 200)}`);
      const effects = await told(requestIds);
      if (effects !== (control.audited ?? []).join()) findings.push(`${operation.id} told ${effects}`);
    }
    expect(findings).toEqual([]);
  }, 180_000);

  it.each([
    ['PATCH', '/v1/me', { displayName: 'One' }, { displayName: 'Two' }],
    ['POST', '/v1/channels', { name: 'One' }, { name: 'Two' }],
  ])('refuses another fitting body under the key of %s %s', async (method, path, one, two) => {
    const by = await newColleague(tenant.owner, 'admin');
    const headers = { 'idempotency-key': randomUUID() };
    await by.api.ok(method, path, { body: one, headers });

    expect((await by.api.refused(422, method, path, { body: two, headers })).code).toBe('request.idempotency_mismatch');
  });

  it('counts for one person only', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const [one, two] = [await newColleague(tenant.owner, 'member'), await newColleague(tenant.owner, 'member')];
    const body = { displayName: 'The same' };

    const answers = [await one.api.call('PATCH', '/v1/me', { body, headers }), await two.api.call('PATCH', '/v1/me', { body, headers })];

    expect(answers.map((answer) => answer.headers.get('idempotency-replayed'))).toEqual([null, null]);
  });
});
