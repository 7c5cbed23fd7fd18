import { randomUUID } from 'node:crypto';
import type { Memory, Pattern, Task } from '@atrium/contracts';
import { newAgent } from '../lib/agents.js';
import type { Tenant } from '../lib/matrix.js';
import { newApproval, newRun, newWorkflow } from '../lib/workflows.js';

/**
 * How to make a call of a tool that works: every argument that is an id stands in it, with ids of `tenant`, for the matrix puts ids of
 * another organization into the same places. What it needs it makes itself by the owner, so that it can be called again.
 */
export type ToolControl = (tenant: Tenant) => Record<string, unknown> | Promise<Record<string, unknown>>;

const unique = (what: string) => `${what} ${randomUUID().slice(0, 13)}`;

const newTask = ({ owner }: Tenant) => owner.api.post<Task>('/v1/tasks', { title: unique('Task') });

const newPattern = ({ api }: Tenant['owner']) =>
  api.post<Pattern>('/v1/patterns', { name: unique('Pattern'), situation: 'The tomatoes wilt', action: 'Water them.' });

const newMemory = ({ owner }: Tenant) => owner.api.post<Memory>('/v1/memories', { content: unique('Memory') });

/** One control for each tool; the matrix fails for a tool without one, and for a control without a tool. */
export const TOOL_CONTROLS: Record<string, ToolControl> = {
  agent_list: () => ({}),
  agent_run: async ({ owner }) => ({ agentId: (await newAgent(owner)).id, prompt: unique('Do'), waitSeconds: 0 }),
  approval_decide: async ({ owner }) => ({ approvalId: (await newApproval(owner)).id, decision: 'rejected' }),
  approval_list: async ({ owner, channel }) => ({ subjectId: (await newApproval(owner)).subject.id, channelId: channel.id }),
  chat_channels: () => ({}),
  chat_history: ({ channel, message }) => ({ channelId: channel.id, threadId: message.id }),
  chat_post: ({ channel, message }) => ({ channelId: channel.id, threadId: message.id, body: unique('Message') }),
  document_list: () => ({}),
  document_read: ({ document }) => ({ documentId: document.id }),
  document_search: ({ document }) => ({ query: 'tomatoes', documentId: document.id }),
  http_request: ({ owner }) => ({ url: `${owner.api.baseUrl}/healthz` }),
  member_list: () => ({}),
  memory_add: ({ member }) => ({
    content: unique('Memory'),
    access: { level: 'shared', grants: [{ kind: 'user', id: member.user.id }] },
  }),
  memory_forget: async (tenant) => ({ id: (await newMemory(tenant)).id }),
  memory_history: ({ memory }) => ({ id: memory.id }),
  memory_search: () => ({ query: 'tomatoes' }),
  pattern_record: async ({ owner }) => ({ patternId: (await newPattern(owner)).id, outcome: 'success' }),
  pattern_suggest: () => ({ situation: 'tomatoes' }),
  search: () => ({ query: 'text' }),
  system_status: () => ({}),
  task_create: ({ owner }) => ({ title: unique('Task'), assignee: { kind: 'user', id: owner.user.id } }),
  task_list: () => ({}),
  task_update: async (tenant) => ({ taskId: (await newTask(tenant)).id, title: unique('Task') }),
  workflow_run: async ({ owner }) => ({ workflowId: (await newWorkflow(owner)).id, input: { word: unique('Word') } }),
  workflow_status: async ({ owner }) => ({ runId: (await newRun(owner)).id }),
};
