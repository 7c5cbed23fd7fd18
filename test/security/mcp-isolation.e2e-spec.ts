import { randomBytes, randomUUID } from 'node:crypto';
import type { Page, Tool } from '@atrium/contracts';
import { anonymous, type Api, newOrganization } from '../lib/api.js';
import { hashOf, newTenant, settledHash, type Tenant } from '../lib/matrix.js';
import { McpCaller, rawMcp } from '../lib/mcp.js';
import { TOOL_CONTROLS, type ToolControl } from './tool-controls.js';

/** What is told of a tool that is not offered: the permission is missing, or only people may use it. */
const NOT_FOR_THEM = new Set(['auth.permission_missing', 'approvals.people_only', 'agents.tool_not_allowed']);
const PRINCIPALS = ['owner', 'admin', 'member', 'guest', 'agentKey'] as const;
type Arguments = Record<string, unknown>;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The places in the arguments where an id stands. */
function idPlaces(value: unknown, path: string[] = []): string[][] {
  if (typeof value === 'string') return UUID.test(value) ? [path] : [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => idPlaces(inner, [...path, key]));
}

function at(args: Arguments, path: string[]): unknown {
  return path.reduce<unknown>((node, key) => (node as Arguments)[key], args);
}

function withId(args: Arguments, path: string[], id: unknown): Arguments {
  const copy = structuredClone(args);
  const parent = path.slice(0, -1).reduce((node, key) => node[key] as Arguments, copy);
  parent[path.at(-1) ?? ''] = id;
  return copy;
}

describe('every tool for every principal and id', () => {
  const mark = `cnry${randomBytes(6).toString('hex')}`;
  let own: Tenant;
  let other: Tenant;
  let tools: Tool[];
  let hashBefore: string;
  const foreign = new Map<string, Arguments>();

  beforeAll(async () => {
    own = await newTenant(`own${randomBytes(6).toString('hex')}`);
    other = await newTenant(mark);
    tools = (await own.owner.api.get<Page<Tool>>('/v1/tools')).data;
    for (const [name, control] of Object.entries(TOOL_CONTROLS)) foreign.set(name, await control(other));
    hashBefore = await settledHash(other);
  }, 180_000);

  const apiOf = (name: (typeof PRINCIPALS)[number]): Api => (name === 'agentKey' ? own.agentKey : own[name].api);

  it('has a control, and no control too many', () => {
    expect(Object.keys(TOOL_CONTROLS).sort()).toEqual(tools.map(({ name }) => name).sort());
  });

  it('answers a foreign id like a random one, and shows nothing of the other organization', async () => {
    const findings: string[] = [];
    for (const principal of PRINCIPALS) {
      const mcp = await McpCaller.connect(apiOf(principal));
      const offered = await mcp.tools();
      const ask = async (name: string, args: Arguments, id: unknown): Promise<string> => {
        const answer = JSON.stringify(await mcp.ask(name, args).catch((error: unknown) => String(error)));
        if (answer.includes(mark)) findings.push(`${name} by ${principal}: a text of the other organization in the answer`);
        if (answer.replaceAll(String(id), '').includes(other.orgId)) findings.push(`${name} by ${principal}: the other organization's id`);
        if (answer.includes('"status":500')) findings.push(`${name} by ${principal}: ${answer}`);
        return answer.replaceAll(String(id), '{id}').replace(/"requestId":"[^"]*"/, '');
      };
      for (const { name, permission } of tools) {
        const args = await (TOOL_CONTROLS[name] as ToolControl)(own);
        if (!offered.includes(name)) {
          const refused = await mcp.problem(name, args);
          if (!NOT_FOR_THEM.has(refused.code)) findings.push(`${name} by ${principal}: ${refused.code}, not offered`);
          continue;
        }
        const worked = await mcp.ask(name, args);
        if (principal === 'owner' && worked.problem)
          findings.push(`${name} (the control, ${permission}): ${JSON.stringify(worked.problem)}`);
        for (const path of idPlaces(args)) {
          const id = at(foreign.get(name) ?? {}, path);
          const random = randomUUID();
          const toForeign = await ask(name, withId(args, path, id), id);
          const toRandom = await ask(name, withId(args, path, random), random);
          if (toForeign !== toRandom) findings.push(`${name} by ${principal} at ${path.join('.')}:\n${toForeign}\n${toRandom}`);
        }
      }
      await mcp.close();
    }
    expect(findings).toEqual([]);
  }, 180_000);

  it('is nothing to those who are not, or no longer, of the organization', async () => {
    const call = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'chat_channels', arguments: {} } });
    const statuses: number[] = [];
    for (const api of [anonymous(), own.removed.api, own.suspended.api]) statuses.push((await rawMcp(api, call)).status);
    expect(statuses).toEqual([401, 401, 401]);
  });

  it('leaves every row of the other organization as it was', async () => {
    expect(await hashOf(other)).toBe(hashBefore);
  });
});

describe('clients with colliding ids', () => {
  it('get their own answers only', async () => {
    const organizations = await Promise.all(Array.from({ length: 5 }, () => newOrganization()));
    for (const { api } of organizations) await api.post('/v1/channels', { name: api.token?.slice(-12) ?? '' });
    const clients = Array.from({ length: 20 }, (_, index) => organizations[index % organizations.length]?.api as Api);
    let misrouted = 0;

    await Promise.all(
      clients.map(async (api) => {
        for (let id = 1; id <= 25; id++) {
          const call = { jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'chat_channels', arguments: {} } };
          const text = await (await rawMcp(api, JSON.stringify(call))).text();
          if (!text.includes(api.token?.slice(-12) ?? 'none') || !text.includes(`"id":${id}`)) misrouted += 1;
        }
      }),
    );

    expect(misrouted).toBe(0);
  }, 120_000);
});
