import { randomBytes, randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { v7 as uuidv7 } from 'uuid';
import type { Agent, AgentRun, AgentRunStep, Approval, Page } from '@atrium/contracts';
import { eventually, type Person } from './api.js';
import { type FakeModel, startFakeModel } from './fake-model.js';
import { newDataDir } from './own-database.js';
import { Receiver } from './receiver.js';
import { withClient } from './row-security.js';
import { testRun } from './run.js';
import { freePort, killServers, Server } from './server.js';

/** A server in a process of its own, in the mode of the test run, with a scripted model and another company's server. */
export interface AgentGround {
  baseUrl: string;
  model: FakeModel;
  receiver: Receiver;
  server: Server;
  /** The database's address as its owner; null of an embedded one. */
  databaseUrl: string | null;
  /** kill -9, and the same server again. */
  restart(): Promise<void>;
  remove(): Promise<void>;
}

/** `more` are settings over its own. */
export async function newAgentGround(more: Record<string, string> = {}): Promise<AgentGround> {
  const dataDir = newDataDir('agents');
  const [model, receiver, port] = [await startFakeModel(), await Receiver.start(), await freePort()];
  const admin = process.env['DATABASE_URL'];
  const name = `atrium_agents_${process.pid}_${randomBytes(3).toString('hex')}`;
  const own = admin ? new URL(admin) : null;
  if (admin) await withClient(admin, (client) => client.query(`CREATE DATABASE ${name}`));
  if (own) own.pathname = `/${name}`;
  const environment: Record<string, string> = {
    LLM_BASE_URL: model.baseUrl,
    LLM_MODEL: 'fake',
    OUTBOUND_ALLOW: `127.0.0.1:${receiver.port}`,
    ...more,
    ...(own ? { DATABASE_URL: own.href } : {}),
    ...(own && process.env['REDIS_URL'] ? { REDIS_URL: process.env['REDIS_URL'] } : {}),
  };
  const serve = () => Server.start({ dataDir, environment, port });
  const ground: AgentGround = {
    baseUrl: `http://127.0.0.1:${port}`,
    model,
    receiver,
    server: await serve(),
    databaseUrl: own?.href ?? null,
    restart: async () => {
      await ground.server.kill();
      ground.server = await serve();
    },
    remove: async () => {
      await killServers();
      await Promise.all([model.stop(), receiver.stop()]);
      if (admin) await withClient(admin, (client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`));
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
  return ground;
}

export const newAgent = ({ api }: Person, more: object = {}) =>
  api.post<Agent>('/v1/agents', { name: `a${randomUUID().slice(0, 13)}`, ...more });

export const startRun = ({ api }: Person, { id }: Pick<Agent, 'id'>, prompt = 'Do it.', more: object = {}) =>
  api.post<AgentRun>(`/v1/agents/${id}/runs`, { prompt, ...more });

export const readRun = ({ api }: Person, { id }: Pick<AgentRun, 'id'>) => api.get<AgentRun>(`/v1/agent-runs/${id}`);

const until = (person: Person, run: Pick<AgentRun, 'id'>, what: string, is: (run: AgentRun) => boolean, ms = 30_000) =>
  eventually(
    what,
    async () => {
      const now = await readRun(person, run);
      if (now.endedAt !== null && !is(now)) throw new Error(`${what}: it ended: ${JSON.stringify(now)}`);
      return is(now) && now;
    },
    ms,
  );
export const runEnded = (person: Person, run: Pick<AgentRun, 'id'>, ms?: number) =>
  until(person, run, 'the run ends', ({ endedAt }) => endedAt !== null, ms);
export const runWaits = (person: Person, run: Pick<AgentRun, 'id'>, ms?: number) =>
  until(person, run, 'the run waits', ({ status }) => status === 'waiting', ms);

/**
 * A run that waits for a person's word about a call of unknown outcome, put into the database as it is after a kill -9: the app of the test
 * run has no model.
 */
export async function newWaitingRun(by: Person, agent: Pick<Agent, 'id'>): Promise<{ id: string }> {
  const id = uuidv7();
  const org = by.organization.id;
  await withClient(testRun().database.ownerUrl, async (client) => {
    await client.query(
      `INSERT INTO agent_runs (org_id, id, agent_id, version, status, trigger_kind, prompt, tools, tainted, person_id, permissions, depth, claimed_turn, parked_at, created_at, updated_at)
       VALUES ($1, $2, $3, 1, 'waiting', 'manual', 'Order.', '{}', false, $4, '{agents:run}', 1, 1, now(), now(), now())`,
      [org, id, agent.id, by.user.id],
    );
    await client.query(
      `INSERT INTO agent_run_steps (org_id, run_id, number, kind, status, calls, call_id, tool, arguments, sources, started_at)
       VALUES ($1, $2, 1, 'tool', 'outcome_unknown', '[]', 'call', 'http_request', '{}', '[]', now())`,
      [org, id],
    );
  });
  return { id };
}

/** The question that the run asks. */
export const approvalOf = ({ api }: Person, run: Pick<AgentRun, 'id'>) =>
  eventually('the approval is asked for', async () => {
    const { data } = await api.get<Page<Approval>>('/v1/approvals', { subjectId: run.id, status: 'pending' });
    return data[0];
  });

export const toolSteps = ({ steps }: AgentRun): AgentRunStep[] => steps.filter(({ kind }) => kind === 'tool');
