import { randomBytes, randomUUID } from 'node:crypto';
import { ROLE_PERMISSIONS } from '@atrium/contracts';
import { anonymous, type Api, newColleague } from '../lib/api.js';
import { inLanes } from '../lib/lanes.js';
import { type Call, comparable, hashOf, idAt, newTenant, type RawAnswer, send, settledHash, type Tenant, withId } from '../lib/matrix.js';
import { idPositions, type OpenApi, openApi, type Operation, operationsOf } from '../lib/openapi.js';
import { routesOf } from '../lib/routes.js';
import { openTestApp } from '../lib/test-app.js';
import { type Control, CONTROLS, HOW_TO_ADD } from './controls.js';

const PRINCIPALS = ['anonymous', 'owner', 'admin', 'member', 'guest', 'agentKey', 'removed', 'suspended'] as const;
type PrincipalName = (typeof PRINCIPALS)[number];
/** Operations tried at the same time. */
const LANES = 8;
/** Routes that need no operation in the document: they say how the server is, are the document itself, no HTTP API, or MCP (its own tests). */
const NOT_IN_DOCUMENT =
  /^(GET \/(healthz|readyz|health|metrics|openapi\.(json|yaml))|GET \/(docs(\/.*)?)?|GET \/accept-invitation|GET \/problems(\/:code)?|OPTIONS \*|(GET|POST|DELETE) \/mcp)$/;
/** What a key may do by default although its maker may do more. */
const NOT_OF_KEYS = [
  'members:manage',
  'invitations:manage',
  'api-keys:manage',
  'organization:manage',
  'agents:manage',
  'webhooks:manage',
  'mcp-servers:manage',
  'http-tools:manage',
  'models:manage',
];

interface Expected {
  status: number;
  code: string;
}

/** How a principal is turned away at the door; null: it comes in. */
function refusalOf(principal: PrincipalName, permission: string): Expected | null {
  if (permission === 'public') return null;
  if (principal === 'anonymous') return { status: 401, code: 'auth.required' };
  if (principal === 'removed' || principal === 'suspended') return { status: 401, code: 'auth.invalid_token' };
  const held: readonly string[] =
    principal === 'agentKey' ? ROLE_PERMISSIONS.owner.filter((one) => !NOT_OF_KEYS.includes(one)) : ROLE_PERMISSIONS[principal];
  return held.includes(permission) ? null : { status: 403, code: 'auth.permission_missing' };
}

describe('every operation for every principal and id', () => {
  const mark = `cnry${randomBytes(6).toString('hex')}`;
  let document: OpenApi;
  let operations: Operation[];
  let own: Tenant;
  let other: Tenant;
  let foreignIds: Map<string, Call>;
  let hashBefore: string;
  let requests = 0;
  const findings: string[] = [];

  beforeAll(async () => {
    document = await openApi();
    operations = operationsOf(document);
    own = await newTenant(`own${randomBytes(6).toString('hex')}`);
    other = await newTenant(mark);
    foreignIds = new Map();
    await inLanes(LANES, operations, async ({ id }) => {
      const control = CONTROLS[id];
      if (control) foreignIds.set(id, await control.call(other, other.owner));
    });
    hashBefore = await settledHash(other);
  }, 180_000);

  const apiOf = (principal: PrincipalName): Api => {
    if (principal === 'anonymous') return anonymous();
    return principal === 'agentKey' ? own.agentKey : own[principal].api;
  };

  /** Sends and looks for anything of the other organization in the answer. */
  async function ask(what: string, api: Api, operation: Operation, call: Call, sent: string, requestId = randomUUID()): Promise<RawAnswer> {
    const answer = await send(api, operation, call, requestId);
    requests += 1;
    const all = `${JSON.stringify(answer.headers)}${answer.text}`;
    if (all.includes(mark)) findings.push(`${what}: a text of the other organization in the answer`);
    if (all.replaceAll(sent, '').includes(other.orgId)) findings.push(`${what}: the id of the other organization in the answer`);
    if (answer.status >= 500) findings.push(`${what}: ${answer.status} ${answer.text.slice(0, 200)}`);
    return answer;
  }

  const isRefused = ({ status, text }: RawAnswer, expected: Expected) => status === expected.status && codeOf(text) === expected.code;
  /** Of a problem, or of a failure in the shape of OpenAI. */
  const codeOf = (text: string) => {
    const { code, error } = JSON.parse(text) as { code?: string; error?: { code: string } };
    return code ?? error?.code;
  };

  async function ownIds(operation: Operation, control: Control, principal: PrincipalName, base: Call): Promise<void> {
    const what = `${operation.id} by ${principal} with own ids`;
    const refusal = refusalOf(principal, operation.permission ?? '');
    const isPerson = principal === 'owner' || principal === 'admin' || principal === 'member' || principal === 'guest';
    const needsNew = control.asNewPerson && isPerson && !refusal;
    const person = needsNew ? await newColleague(own.owner, principal) : principal === 'owner' ? own.owner : null;
    // Reading takes nothing away, so that all may read the same.
    const isReading = operation.method === 'GET' && !person;
    const call = refusal || isReading ? base : await control.call(own, person ?? own.owner);
    const answer = await ask(what, person?.api ?? apiOf(principal), operation, call, '-');
    if (refusal && !isRefused(answer, refusal)) findings.push(`${what}: ${answer.status} instead of ${refusal.status} ${refusal.code}`);
    if (!refusal && principal === 'owner' && answer.status !== control.status)
      findings.push(`${what} (the control): ${answer.status} instead of ${control.status}: ${answer.text.slice(0, 300)}`);
    if (!refusal && answer.status === 401 && operation.permission !== 'public') findings.push(`${what}: 401 ${answer.text}`);
  }

  async function foreignAndRandom(operation: Operation, principal: PrincipalName, base: Call): Promise<void> {
    const refusal = refusalOf(principal, operation.permission ?? '');
    const foreignCall = foreignIds.get(operation.id) ?? {};
    for (const position of idPositions(document, operation)) {
      const place = `${position.in} ${position.at.join('.')}`;
      const foreign = idAt(foreignCall, position);
      const known = idAt(base, position);
      if (known === undefined || foreign === undefined) {
        if (principal === 'owner') findings.push(`${operation.id}: the control has no id at ${place}; ${HOW_TO_ADD}`);
        continue;
      }
      const what = `${operation.id} by ${principal} with a foreign id in ${place}`;
      const requestId = randomUUID();
      const random = randomUUID();
      const toForeign = await ask(what, apiOf(principal), operation, withId(base, position, foreign), foreign, requestId);
      const toRandom = await ask(what, apiOf(principal), operation, withId(base, position, random), random, requestId);
      if (comparable(toForeign, foreign) !== comparable(toRandom, random))
        findings.push(`${what} differs from a random one:\n${comparable(toForeign, foreign)}\n${comparable(toRandom, random)}`);
      if (refusal) {
        const toOwn = await ask(what, apiOf(principal), operation, base, known, requestId);
        if (comparable(toOwn, known) !== comparable(toForeign, foreign)) findings.push(`${what} is refused otherwise than an own one`);
      }
      if (refusal && !isRefused(toForeign, refusal)) findings.push(`${what}: ${toForeign.status} instead of ${refusal.status}`);
      if (position.in === 'path' && (principal === 'owner' || principal === 'admin') && toForeign.status !== 404)
        findings.push(`${what}: ${toForeign.status} instead of 404`);
    }
  }

  it('has a permission and a control for each, and no control too many (TN2)', () => {
    const ids = operations.map(({ id }) => id);
    expect(operations.filter(({ permission }) => permission === null).map(({ id }) => id)).toEqual([]);
    expect(ids.filter((id) => !CONTROLS[id]).map((id) => `${id} has no control: ${HOW_TO_ADD}`)).toEqual([]);
    expect(Object.keys(CONTROLS).filter((id) => !ids.includes(id))).toEqual([]);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('answers as its permission says, and a foreign id like a random one (TN1, TN2)', async () => {
    await inLanes(LANES, operations, async (operation) => {
      const control = CONTROLS[operation.id];
      if (!control) return;
      const base = await control.call(own, own.owner);
      for (const principal of PRINCIPALS) {
        await ownIds(operation, control, principal, base);
        await foreignAndRandom(operation, principal, base);
      }
    });
    process.stdout.write(`${operations.length} operations, ${requests} requests\n`);
    expect(findings).toEqual([]);
  }, 600_000);

  it('asks for a credential before it looks at anything, for HEAD too', async () => {
    const answers: string[] = [];
    const asking = operations.filter(({ method, permission }) => method === 'GET' && permission !== 'public');
    await inLanes(LANES, asking, async ({ id, path }) => {
      const { status } = await send(anonymous(), { method: 'HEAD', path }, foreignIds.get(id) ?? {}, randomUUID());
      if (status !== 401) answers.push(`HEAD ${path} answered ${status}`);
    });
    expect(answers).toEqual([]);
  });

  it('lets names be taken that another organization has', async () => {
    await own.owner.api.post('/v1/channels', { name: other.channel.name });
    await own.owner.api.post('/v1/invitations', { email: `invited-${mark}@example.com` });
  });

  it('leaves every row of the other organization as it was', async () => {
    expect(await hashOf(other)).toBe(hashBefore);
  });

  it('documents every route, and routes every operation (TN3)', async () => {
    const { app, close } = await openTestApp();
    try {
      const routes = routesOf(app);
      const documented = operations.map(({ method, path }) => `${method} ${path.replace(/\{(\w+)\}/g, ':$1')}`);
      expect(routes.length).toBeGreaterThan(documented.length);
      expect(routes.filter((route) => !NOT_IN_DOCUMENT.test(route) && !documented.includes(route))).toEqual([]);
      expect(documented.filter((route) => !routes.includes(route))).toEqual([]);
    } finally {
      await close();
    }
  });
});
