import { z } from 'zod';
import { line, page, PageQuery, text, Time } from './common.js';
import { AgentId, AgentRunId, ApprovalId, ChannelId, MessageId, UserId } from './ids.js';
import { named } from './name.js';

export const AgentStatus = z.enum(['draft', 'active', 'paused', 'retired']);
export type AgentStatus = z.infer<typeof AgentStatus>;
const AgentName = z.string().regex(/^[a-z][a-z0-9_-]{0,39}$/, 'must be small letters, digits, _ and -, and begin with a letter');
const ToolName = z.string().regex(/^[a-z][a-z0-9_]{0,63}$/, 'must be the name of a tool');
const ToolNames = z.array(ToolName).max(100);
const Capabilities = z.array(line(60)).max(50);

const limits = {
  steps: z.int().min(1).max(200),
  seconds: z.int().min(1).max(3_600),
  tokens: z.int().min(1).max(10_000_000),
  costMicros: z.int().min(1).max(1_000_000_000_000).nullable(),
  approvalSeconds: z.int().min(1).max(86_400),
};
/** What one run may use. `steps` are calls of the model and of tools together; `seconds` does not count the time in which it waits for people. */
export const AgentLimits = z
  .strictObject({
    steps: limits.steps.default(30),
    seconds: limits.seconds.default(300),
    /** Of input and output together. */
    tokens: limits.tokens.default(200_000),
    /** Micro-dollars; null: no limit but the budgets. */
    costMicros: limits.costMicros.default(null),
    /** How long an approval is waited for. */
    approvalSeconds: limits.approvalSeconds.default(600),
  })
  .meta({ id: 'AgentLimits' });
export type AgentLimits = z.infer<typeof AgentLimits>;

/** What a version of an agent is: it never changes; another one is the next version. */
const definition = {
  /** Told to the model before anything else. */
  instructions: z.string(),
  /** Null: the first one of the first provider, or that of the server. */
  model: z.string().nullable(),
  /** The tools that it may call, by name; those that need a right which the person lacks stay closed to it. */
  tools: z.array(z.string()),
  /** Tools that need no approval although they send something out or destroy, as long as the run has read nothing untrusted. */
  withoutApproval: z.array(z.string()),
  capabilities: z.array(z.string()),
  limits: AgentLimits,
};
export const Agent = z
  .strictObject({
    id: AgentId,
    name: z.string(),
    displayName: z.string(),
    description: z.string(),
    status: AgentStatus,
    version: z.int(),
    ...definition,
    /** When it last told that it lives, by its heartbeat or a run. */
    lastSeenAt: Time.nullable(),
    createdAt: Time,
    updatedAt: Time,
  })
  .meta({ id: 'Agent' });
export type Agent = z.infer<typeof Agent>;
export const AgentPage = page(Agent).meta({ id: 'AgentPage' });
export const AgentsQuery = z.strictObject({
  ...PageQuery.shape,
  status: AgentStatus.optional(),
  capability: z.string().max(60).optional(),
});
export type AgentsQuery = z.infer<typeof AgentsQuery>;

export const AgentVersion = z
  .strictObject({ number: z.int(), ...definition, createdBy: UserId.nullable(), createdAt: Time })
  .meta({ id: 'AgentVersion' });
export type AgentVersion = z.infer<typeof AgentVersion>;
export const AgentVersionPage = page(AgentVersion).meta({ id: 'AgentVersionPage' });
export const AgentVersionNumber = z.coerce.number().int().min(1).max(2_147_483_647);

/** `name` is for ever; `displayName` is what people mention, by default the name. */
export const CreateAgent = z
  .strictObject({
    name: AgentName,
    displayName: named(80).optional(),
    description: text(2_000).default(''),
    status: z.enum(['draft', 'active']).default('active'),
    instructions: text(16_000).default(''),
    model: line(200).nullable().default(null),
    tools: ToolNames.default([]),
    withoutApproval: ToolNames.default([]),
    capabilities: Capabilities.default([]),
    limits: AgentLimits.prefault({}),
  })
  .meta({
    id: 'CreateAgent',
    examples: [
      { name: 'buyer', displayName: 'Buyer', instructions: 'You order what colleagues need.', tools: ['document_search', 'task_create'] },
    ],
  });
export type CreateAgent = z.infer<typeof CreateAgent>;
/** agents.json: agents as a file, to be kept and brought into an organization, again and again. Each name once. */
export const AgentFile = z
  .strictObject({
    agents: z
      .array(CreateAgent.extend({ status: z.enum(['draft', 'active', 'paused']).default('active') }))
      .max(1_000)
      .refine((agents) => new Set(agents.map(({ name }) => name)).size === agents.length, 'must name each agent once'),
  })
  .meta({ id: 'AgentFile' });
export type AgentFile = z.infer<typeof AgentFile>;
/** The names of the agents of a file, by what became of them. */
export const AgentImport = z
  .strictObject({ created: z.array(z.string()), changed: z.array(z.string()), unchanged: z.array(z.string()) })
  .meta({ id: 'AgentImport' });
export type AgentImport = z.infer<typeof AgentImport>;
/** A change of instructions, model, tools, capabilities or limits makes the next version. `retired` is for ever. */
export const PatchAgent = z
  .strictObject({
    displayName: named(80).optional(),
    description: text(2_000).optional(),
    status: AgentStatus.optional(),
    instructions: text(16_000).optional(),
    model: line(200).nullish(),
    tools: ToolNames.optional(),
    withoutApproval: ToolNames.optional(),
    capabilities: Capabilities.optional(),
    /** Those that are left out stay as they are. */
    limits: z.strictObject(limits).partial().optional(),
  })
  .meta({ id: 'PatchAgent' });
export type PatchAgent = z.infer<typeof PatchAgent>;

export const AgentRunStatus = z.enum(['pending', 'running', 'waiting', 'succeeded', 'failed', 'cancelled']);
export type AgentRunStatus = z.infer<typeof AgentRunStatus>;
/** `refused`: a person said no, or nobody decided. `outcome_unknown`: it may have happened; a person has to say whether it did. */
export const AgentStepStatus = z.enum(['running', 'waiting', 'succeeded', 'failed', 'refused', 'outcome_unknown', 'cancelled']);
export type AgentStepStatus = z.infer<typeof AgentStepStatus>;
const Failure = z.strictObject({ code: z.string(), message: z.string() });
/** A tool that the model asked for. `arguments` null: what it wrote was no JSON object. */
export const AgentCall = z.strictObject({ id: z.string(), tool: z.string(), arguments: z.record(z.string(), z.json()).nullable() });
export type AgentCall = z.infer<typeof AgentCall>;
export const AgentRunStep = z
  .strictObject({
    number: z.int(),
    kind: z.enum(['model', 'tool']),
    status: AgentStepStatus,
    /** Of a model's step: what it said, and what it asked for. */
    text: z.string().nullable(),
    calls: z.array(AgentCall),
    inputTokens: z.int(),
    outputTokens: z.int(),
    /** Of a model's step: who answered (null: the server's own endpoint), with which model, and the price in micro-dollars. */
    provider: z.string().nullable(),
    model: z.string().nullable(),
    costMicros: z.int(),
    /** Of a tool's step. `output` is cut when it is long. */
    tool: z.string().nullable(),
    arguments: z.json(),
    output: z.json(),
    approvalId: ApprovalId.nullable(),
    failure: Failure.nullable(),
    durationMs: z.int().nullable(),
    startedAt: Time,
    endedAt: Time.nullable(),
  })
  .meta({ id: 'AgentRunStep' });
export type AgentRunStep = z.infer<typeof AgentRunStep>;

const run = {
  id: AgentRunId,
  agentId: AgentId,
  version: z.int(),
  status: AgentRunStatus,
  trigger: z.enum(['manual', 'mention', 'tool', 'workflow']),
  prompt: z.string(),
  output: z.string().nullable(),
  failure: Failure.nullable(),
  /** The tools that this run may call: the agent's, cut by what the run was granted. */
  tools: z.array(z.string()),
  /** Whether it has read what others wrote: what sends out, publishes or destroys then needs an approval. */
  tainted: z.boolean(),
  stepCount: z.int(),
  inputTokens: z.int(),
  outputTokens: z.int(),
  /** Micro-dollars. */
  costMicros: z.int(),
  startedBy: UserId,
  /** Where it answers, when it was mentioned. */
  channelId: ChannelId.nullable(),
  answerId: MessageId.nullable(),
  parentRunId: AgentRunId.nullable(),
  createdAt: Time,
  updatedAt: Time,
  startedAt: Time.nullable(),
  endedAt: Time.nullable(),
};
export const AgentRun = z.strictObject({ ...run, steps: z.array(AgentRunStep) }).meta({ id: 'AgentRun' });
export type AgentRun = z.infer<typeof AgentRun>;
export const AgentRunSummary = z.strictObject(run).meta({ id: 'AgentRunSummary' });
export type AgentRunSummary = z.infer<typeof AgentRunSummary>;
export const AgentRunPage = page(AgentRunSummary).meta({ id: 'AgentRunPage' });

/** `tools` grants only some of the agent's. */
export const StartAgentRun = z
  .strictObject({ prompt: text(32_000).refine((prompt) => prompt.trim() !== '', 'must not be empty'), tools: ToolNames.optional() })
  .meta({ id: 'StartAgentRun' });
export type StartAgentRun = z.infer<typeof StartAgentRun>;
/** One's own runs, newest first; administrators see all. */
export const AgentRunsQuery = z.strictObject({
  ...PageQuery.shape,
  agentId: AgentId.optional(),
  status: AgentRunStatus.optional(),
  code: z.string().max(100).optional(),
});
export type AgentRunsQuery = z.infer<typeof AgentRunsQuery>;
/** What a person found out about a step of unknown outcome. */
export const ReconcileAgentRun = z
  .strictObject({ step: z.int().min(1).max(1_000), outcome: z.enum(['done', 'not_done']), note: text(2_000).default('') })
  .meta({ id: 'ReconcileAgentRun' });
export type ReconcileAgentRun = z.infer<typeof ReconcileAgentRun>;

/**
 * What a tool does to the world. `sends_out`: something leaves the organization. `publishes`: others than the caller may read its arguments
 * afterwards. `destroys`: something is gone afterwards that was there.
 */
export const ToolEffect = z.enum(['reads_private', 'reads_untrusted', 'sends_out', 'publishes', 'writes', 'destroys']);
export type ToolEffect = z.infer<typeof ToolEffect>;

export const Tool = z
  .strictObject({
    name: z.string(),
    description: z.string(),
    permission: z.string(),
    effects: z.array(ToolEffect),
    inputSchema: z.record(z.string(), z.json()),
    outputSchema: z.record(z.string(), z.json()),
  })
  .meta({ id: 'Tool' });
export type Tool = z.infer<typeof Tool>;
export const ToolPage = page(Tool).meta({ id: 'ToolPage' });
