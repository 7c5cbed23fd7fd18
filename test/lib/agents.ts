import { randomUUID } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import type { Agent, AgentRun, AgentRunStep, Approval, Page } from '@atrium/contracts';
import { eventually, newOrganization, type Person } from './api.js';
import { type FakeModel, startFakeModel } from './fake-model.js';
import { newProvider } from './models.js';
import { Receiver } from './receiver.js';
import { withClient } from './row-security.js';
import { testRun } from './run.js';

/** A scripted model and another company's server, for organizations of one server whose models are that model. */
export interface AgentGround {
  baseUrl: string;
  model: FakeModel;
  receiver: Receiver;
  newOrganization(name: string): Promise<Person>;
  stop(): Promise<void>;
}

/** On the app of the test run, or on another server that may call 127.0.0.1. */
export async function newAgentGround(baseUrl = testRun().baseUrl): Promise<AgentGround> {
  const [model, receiver] = [await startFakeModel(), await Receiver.start()];
  return {
    baseUrl,
    model,
    receiver,
    newOrganization: async (name) => {
      const owner = await newOrganization(name, baseUrl);
      await newProvider(owner, model);
      return owner;
    },
    stop: async () => {
      await Promise.all([model.stop(), receiver.stop()]);
    },
  };
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
