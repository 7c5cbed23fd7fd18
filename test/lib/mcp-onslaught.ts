import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { Problem } from '@atrium/contracts';
import type { ToolControl } from '../security/tool-controls.js';
import type { Api } from './api.js';
import { hashOf, settledHash, type Tenant } from './matrix.js';
import { rawMcp } from './mcp.js';
import { nearValid } from './openapi-arbitrary.js';

type Arguments = Record<string, unknown>;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** Clients that call at the same time, all with the same few ids of JSON-RPC. */
const CLIENTS = 12;
const REQUEST_IDS = 5;
const PRINCIPALS = ['owner', 'member', 'guest', 'agentKey'] as const;

export interface Onslaught {
  calls: number;
  /** Answered with a result, refused by the tool, turned away because too much was asked at once. */
  worked: number;
  refused: number;
  turnedAway: number;
  /** Texts or ids of another organization, answers to somebody else's call, and failures that nobody foresaw. */
  findings: string[];
}

export interface OnslaughtOptions {
  /** Those who call. */
  callers: Tenant[];
  /** One that calls nothing: its ids are put into the calls of the others. */
  victim: Tenant;
  controls: Record<string, ToolControl>;
  calls: number;
  /** The same number gives the same calls. */
  seed: number;
  /** After this it ends with what it has. Milliseconds. */
  maxMs: number;
  /** Told about every tenth of the way. */
  tell?: (text: string) => void;
}

/** Calls of random tools by random principals, with arguments that are right but for foreign, guessed and hostile values. */
export async function onslaught({ callers, victim, controls, calls, seed, maxMs, tell }: OnslaughtOptions): Promise<Onslaught> {
  const names = Object.keys(controls);
  const own = await Promise.all(callers.map((tenant) => argumentsOf(tenant, controls)));
  const foreign = [
    ...new Set(
      Object.values(await argumentsOf(victim, controls))
        .flatMap(idsIn)
        .concat(idsOf(victim)),
    ),
  ];
  const before = await settledHash(victim);
  const draw = fc.sample(
    fc.record({
      caller: fc.nat(callers.length - 1),
      principal: fc.constantFrom(...PRINCIPALS),
      tool: fc.constantFrom(...names),
      kind: fc.constantFrom('foreign', 'foreign', 'guessed', 'hostile', 'own'),
      id: fc.nat(),
      spoiling: fc.nat(),
    }),
    { numRuns: calls, seed },
  );
  const result: Onslaught = { calls: 0, worked: 0, refused: 0, turnedAway: 0, findings: [] };
  const end = Date.now() + maxMs;
  const next = draw.values();

  const call = async ({ caller, principal, tool, kind, id, spoiling }: (typeof draw)[number]) => {
    const tenant = callers[caller] as Tenant;
    const given = own[caller]?.[tool] ?? {};
    const chosen = kind === 'foreign' ? (foreign[id % foreign.length] ?? '') : randomUUID();
    const args =
      kind === 'own'
        ? given
        : kind === 'hostile'
          ? fc.sample(nearValid(fc.constant(given)), { numRuns: 1, seed: spoiling })[0]
          : replaced(given, chosen, spoiling);
    const rpcId = (id % REQUEST_IDS) + 1;
    const text = await answerTo(apiOf(tenant, principal), rpcId, tool, args);
    const others = [victim, ...callers].filter((one) => one !== tenant);
    const finding = judge(text, rpcId, others, JSON.stringify(args) ?? '');
    if (finding) result.findings.push(`${tool} by ${principal}, ${kind}: ${finding}: ${JSON.stringify(args)} ${text.slice(0, 600)}`);
    result.calls++;
    if (/request\.(rate_limited|overloaded)/.test(text)) result.turnedAway++;
    else if (text.includes('"isError":true') || text.includes('"error":')) result.refused++;
    else result.worked++;
    if (result.calls % Math.ceil(calls / 10) === 0) tell?.(`${result.calls} of ${calls} calls, ${result.findings.length} findings`);
  };

  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      for (const one of next) {
        if (Date.now() > end) return;
        await call(one);
      }
    }),
  );
  if ((await hashOf(victim)) !== before) result.findings.push('rows of the organization that called nothing have changed');
  return result;
}

async function argumentsOf(tenant: Tenant, controls: Record<string, ToolControl>): Promise<Record<string, Arguments>> {
  const all: Record<string, Arguments> = {};
  for (const [name, control] of Object.entries(controls)) all[name] = await control(tenant);
  return all;
}

function idsIn(value: unknown): string[] {
  if (typeof value === 'string') return UUID.test(value) ? [value] : [];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(idsIn) : [];
}

const idsOf = ({ orgId, owner, channel, message, document, memory, agentId }: Tenant) => [
  orgId,
  owner.user.id,
  channel.id,
  message.id,
  document.id,
  memory.id,
  agentId,
];

/** The arguments with `id` at one of the places of ids; where there is none, with one more argument that no tool has. */
function replaced(given: Arguments, id: string, which: number): Arguments {
  const ids = idsIn(given);
  if (ids.length === 0) return which % 2 === 0 ? given : { ...given, organizationId: id };
  return JSON.parse(JSON.stringify(given).replaceAll(ids[which % ids.length] ?? '', id)) as Arguments;
}

const apiOf = (tenant: Tenant, principal: (typeof PRINCIPALS)[number]): Api =>
  principal === 'agentKey' ? tenant.agentKey : tenant[principal].api;

async function answerTo(api: Api, id: number, name: string, args: unknown): Promise<string> {
  const answer = await rawMcp(api, JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args } }));
  return answer.text();
}

/** What is wrong with an answer; null when nothing is. */
function judge(text: string, rpcId: number, others: Tenant[], sent: string): string | null {
  for (const { mark, orgId } of others) {
    if (text.includes(mark)) return 'a text of another organization';
    if (text.includes(orgId) && !sent.includes(orgId)) return 'the id of another organization';
  }
  // A tool's problem stands as text within the answer.
  if (/\\?"status\\?":500/.test(text) || /"code":-3260[03]/.test(text)) return 'a failure that nobody foresaw';
  const problem = text.startsWith('{"type":') ? (JSON.parse(text) as Problem) : null;
  if (problem) return problem.status < 500 || problem.status === 503 ? null : 'a failure of the door';
  return text.includes(`"id":${rpcId}`) ? null : 'the answer to another call';
}
