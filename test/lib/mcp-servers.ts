import type { McpServer, McpServerTool, Page, WorkflowRun } from '@atrium/contracts';
import { eventually, type Person } from './api.js';
import type { ForeignMcp, ForeignTool } from './foreign-mcp.js';

export const TEXT = { properties: { text: { type: 'string', maxLength: 100 } }, required: ['text'], additionalProperties: false };

/** A tool that never answers `hang`. */
export const hanging = (): ForeignTool => ({
  name: 'send',
  inputSchema: TEXT,
  answer: ({ text }) => (text === 'hang' ? new Promise<object>(() => undefined) : { content: [{ type: 'text', text: 'done' }] }),
});

export const toolsOf = async ({ api }: Person, { id }: McpServer) =>
  (await api.get<Page<McpServerTool>>(`/v1/mcp-servers/${id}/tools`)).data;

export const review = ({ api }: Person, { serverId, id, hash }: McpServerTool, more: object = {}) =>
  api.patch<McpServerTool>(`/v1/mcp-servers/${serverId}/tools/${id}`, { state: 'allowed', hash, ...more });

let number = 0;
/** Registered and asked for its tools; `tool` is the first of them. */
export async function newMcpServer(
  by: Person,
  foreign: ForeignMcp,
  more: object = {},
): Promise<{ server: McpServer; tool: McpServerTool }> {
  const { id } = await by.api.post<McpServer>('/v1/mcp-servers', { name: `post${++number}`, url: foreign.url, ...more });
  const server = await by.api.post<McpServer>(`/v1/mcp-servers/${id}/refresh`);
  return { server, tool: (await toolsOf(by, server))[0] as McpServerTool };
}

export async function newAllowed(by: Person, foreign: ForeignMcp, effect = 'outward'): Promise<{ server: McpServer; tool: McpServerTool }> {
  const { server, tool } = await newMcpServer(by, foreign);
  return { server, tool: await review(by, tool, { effect }) };
}

/** A run of a workflow of one call, with `input` as its arguments. */
export async function runStep({ api }: Person, tool: string, input: object): Promise<WorkflowRun> {
  const steps = [{ id: 'one', kind: 'tool', with: { tool, arguments: '${{ input }}' } }];
  const definition = { steps, output: { n: '${{ steps.one.output.structured.n }}', text: '${{ steps.one.output.text }}' } };
  const { id } = await api.post<{ id: string }>('/v1/workflows', { name: `one ${++number}`, definition });
  return api.post<WorkflowRun>(`/v1/workflows/${id}/runs`, { input });
}

export const workflowEnded = ({ api }: Person, { id }: Pick<WorkflowRun, 'id'>, ms = 30_000) =>
  eventually(
    'the workflow ends',
    async () => {
      const now = await api.get<WorkflowRun>(`/v1/workflow-runs/${id}`);
      return now.status !== 'running' && now.status !== 'pending' && now;
    },
    ms,
  );
