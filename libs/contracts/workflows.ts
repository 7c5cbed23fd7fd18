import { z } from 'zod';
import { page, PageQuery, text, Time } from './common.js';
import { EVENTS } from './events.js';
import { FreeHeaderName, FreeHeaderTemplate } from './foreign-tools.js';
import { AgentId, ApiKeyId, ScheduleId, UserId, WorkflowId, WorkflowRunId } from './ids.js';
import { named } from './name.js';

/** An expression in CEL. */
const Cel = z.string().min(1).max(2_000);
/** JSON in which each string `${{ CEL }}` stands for the expression's value, and a longer one for text that holds such values. */
const Template = z.json();
const StepId = z.string().regex(/^[A-Za-z_][\w-]{0,63}$/, 'must begin with a letter and hold letters, digits, _ and - only');

/** `attempts` in all; the pause doubles from `backoffSeconds` each time. */
const Retry = z.strictObject({ attempts: z.int().min(1).max(10), backoffSeconds: z.number().min(0).max(3_600).default(1) });

const ToolWith = z.strictObject({ tool: z.string().min(1).max(200), arguments: Template.default({}) });
/** `method` GET by default; a `body` that is no string is sent as JSON. */
const HttpWith = z.strictObject({
  method: z.string().min(1).max(200).default('GET'),
  url: z.string().min(1).max(8_000),
  headers: z.record(FreeHeaderName, FreeHeaderTemplate).default({}),
  body: Template.optional(),
});
const AgentWith = z.strictObject({ agent: z.string().min(1).max(200), prompt: z.string().min(1).max(32_000) });
/** `assignees` are ids of persons; one of them decides. `expiresInSeconds` is a day by default. */
const ApprovalWith = z.strictObject({
  message: z.string().min(1).max(16_000),
  assignees: z.union([z.array(Template).min(1).max(50), z.string().max(2_000)]),
  channelId: z.string().max(2_000).optional(),
  expiresInSeconds: z.union([z.number(), z.string().max(2_000)]).optional(),
});
const WaitWith = z.union([
  z.strictObject({ seconds: z.union([z.number(), z.string().max(2_000)]) }),
  z.strictObject({ until: z.string().min(1).max(2_000) }),
]);
const WorkflowWith = z.strictObject({ workflowId: z.string().min(1).max(2_000), input: Template.default({}) });

const acting = { name: named(120).optional(), retry: Retry.optional(), timeoutSeconds: z.number().min(1).max(3_600).optional() };
/** What undoes a step that succeeded, when the run fails later. */
const Compensation = z.discriminatedUnion('kind', [
  z.strictObject({ id: StepId.optional(), ...acting, kind: z.literal('tool'), with: ToolWith }),
  z.strictObject({ id: StepId.optional(), ...acting, kind: z.literal('http'), with: HttpWith }),
]);
export type Compensation = z.infer<typeof Compensation>;
const step = {
  id: StepId,
  ...acting,
  /** Steps that come before; with the same `needs` steps run in parallel. */
  needs: z.array(StepId).max(200).default([]),
  /** Skips the step unless true. A step whose `needs` were skipped is skipped too, unless it has a `when` of its own. */
  when: Cel.optional(),
  /** A list: the step runs once for each `item`, its `index` beside; the output is the list of outputs. */
  forEach: Cel.optional(),
  compensate: Compensation.optional(),
};
export const WorkflowStep = z.discriminatedUnion('kind', [
  z.strictObject({ ...step, kind: z.literal('tool'), with: ToolWith }),
  z.strictObject({ ...step, kind: z.literal('agent'), with: AgentWith }),
  z.strictObject({ ...step, kind: z.literal('http'), with: HttpWith }),
  z.strictObject({ ...step, kind: z.literal('approval'), with: ApprovalWith }),
  z.strictObject({ ...step, kind: z.literal('wait'), with: WaitWith }),
  z.strictObject({ ...step, kind: z.literal('workflow'), with: WorkflowWith }),
]);
export type WorkflowStep = z.infer<typeof WorkflowStep>;
export const STEP_KINDS = ['tool', 'agent', 'http', 'approval', 'wait', 'workflow'] as const;

/** Events that may start a workflow: those of the log that tell of the organization's things. */
export const TRIGGER_EVENTS = (Object.keys(EVENTS) as (keyof typeof EVENTS)[]).filter(
  (type) => EVENTS[type].live && /^(tasks|documents|chat|organizations)\./.test(type),
);
const Trigger = z.strictObject({ event: z.enum(TRIGGER_EVENTS as [string, ...string[]]), when: Cel.optional() });

export const MAX_STEPS = 200;
/** What a workflow does: immutable once published. Expressions see `input`, `steps.<id>.output`, `run`, and in a fan-out `item` and `index`. */
export const WorkflowDefinition = z
  .strictObject({
    /** JSON Schema (2020-12) of the input. */
    input: z.record(z.string(), z.json()).default({}),
    steps: z.array(WorkflowStep).min(1).max(MAX_STEPS),
    output: z.record(z.string(), Template).default({}),
    /** The run's input is then `{event}`, without text of persons; it has the rights of who published the version. */
    triggers: z.array(Trigger).max(10).default([]),
  })
  .refine((definition) => JSON.stringify(definition).length <= 262_144, 'must be at most 256 KiB of JSON')
  .meta({ id: 'WorkflowDefinition' });
export type WorkflowDefinition = z.infer<typeof WorkflowDefinition>;

export const Workflow = z
  .strictObject({
    id: WorkflowId,
    name: z.string(),
    description: z.string(),
    version: z.int(),
    definition: z.record(z.string(), z.json()),
    createdBy: UserId,
    createdAt: Time,
    updatedAt: Time,
  })
  .meta({ id: 'Workflow' });
export type Workflow = z.infer<typeof Workflow>;
export const WorkflowPage = page(Workflow).meta({ id: 'WorkflowPage' });
export const WorkflowVersion = z
  .strictObject({ number: z.int(), definition: z.record(z.string(), z.json()), createdBy: UserId, createdAt: Time })
  .meta({ id: 'WorkflowVersion' });
export type WorkflowVersion = z.infer<typeof WorkflowVersion>;
export const WorkflowVersionPage = page(WorkflowVersion).meta({ id: 'WorkflowVersionPage' });

export const CreateWorkflow = z
  .strictObject({ name: named(120), description: text(2_000).default(''), definition: WorkflowDefinition })
  .meta({
    id: 'CreateWorkflow',
    examples: [
      {
        name: 'Call a customer',
        definition: {
          input: { type: 'object', properties: { customer: { type: 'string' } }, required: ['customer'] },
          steps: [{ id: 'task', kind: 'tool', with: { tool: 'task_create', arguments: { title: 'Call ${{ input.customer }}' } } }],
        },
      },
    ],
  });
export type CreateWorkflow = z.infer<typeof CreateWorkflow>;
/** Another `definition` becomes the next version. */
export const PatchWorkflow = z
  .strictObject({ name: named(120).optional(), description: text(2_000).optional(), definition: WorkflowDefinition.optional() })
  .meta({ id: 'PatchWorkflow' });
export type PatchWorkflow = z.infer<typeof PatchWorkflow>;
export const AddWorkflowVersion = z.strictObject({ definition: WorkflowDefinition }).meta({ id: 'AddWorkflowVersion' });
export type AddWorkflowVersion = z.infer<typeof AddWorkflowVersion>;
export const WorkflowVersionNumber = z.coerce.number().int().min(1).max(2_147_483_647);

export const RunStatus = z.enum(['pending', 'running', 'waiting', 'succeeded', 'failed', 'cancelled']);
export type RunStatus = z.infer<typeof RunStatus>;
export const StepStatus = z.enum(['pending', 'running', 'waiting', 'succeeded', 'failed', 'skipped', 'cancelled', 'compensated']);
export type StepStatus = z.infer<typeof StepStatus>;
/** `message` is null for those who may not see the run's values. */
const Failure = z.strictObject({ code: z.string(), message: z.string().nullable(), stepId: z.string().nullable() });
export const RunStep = z
  .strictObject({
    /** As the definition names it; `<id>:compensate` for what undoes it. */
    id: z.string(),
    name: z.string(),
    kind: z.enum(STEP_KINDS),
    status: StepStatus,
    attempt: z.int(),
    input: z.json(),
    output: z.json(),
    failure: Failure.nullable(),
    /** Of a fan-out. */
    items: z.strictObject({ done: z.int(), total: z.int() }).nullable(),
    /** Of a step that waits for one. */
    approvalId: z.uuid().nullable(),
    /** Of a step that runs another workflow. */
    runId: WorkflowRunId.nullable(),
    startedAt: Time.nullable(),
    endedAt: Time.nullable(),
  })
  .meta({ id: 'WorkflowRunStep' });
export type RunStep = z.infer<typeof RunStep>;

const run = {
  id: WorkflowRunId,
  workflowId: WorkflowId,
  version: z.int(),
  status: RunStatus,
  /** Values of the run (input, output, what failed) are shown to who started it and to administrators, to others null. */
  input: z.json(),
  output: z.json(),
  failure: Failure.nullable(),
  startedBy: UserId,
  trigger: z.enum(['manual', 'schedule', 'event', 'workflow', 'webhook']),
  parentRunId: WorkflowRunId.nullable(),
  createdAt: Time,
  updatedAt: Time,
  startedAt: Time.nullable(),
  endedAt: Time.nullable(),
};
export const WorkflowRun = z.strictObject({ ...run, steps: z.array(RunStep) }).meta({ id: 'WorkflowRun' });
export type WorkflowRun = z.infer<typeof WorkflowRun>;
export const WorkflowRunSummary = z.strictObject(run).meta({ id: 'WorkflowRunSummary' });
export type WorkflowRunSummary = z.infer<typeof WorkflowRunSummary>;
export const WorkflowRunPage = page(WorkflowRunSummary).meta({ id: 'WorkflowRunPage' });

const RunInput = z
  .record(z.string(), z.json())
  .refine((value) => JSON.stringify(value).length <= 262_144, 'must be at most 256 KiB of JSON')
  .refine((value) => !JSON.stringify(value).includes('\\u0000'), 'must not contain NUL');
export const StartRun = z.strictObject({ input: RunInput.default({}) }).meta({ id: 'StartRun' });
export type StartRun = z.infer<typeof StartRun>;
/** From the failed step on; with `input` the run's input is replaced first. */
export const RetryRun = z.strictObject({ input: RunInput.optional() }).meta({ id: 'RetryRun' });
export type RetryRun = z.infer<typeof RetryRun>;
/** Ends a step of kind wait before its time; its output is then `{signalled: true, payload}`. */
export const SignalRun = z.strictObject({ step: StepId, payload: z.json().default(null) }).meta({ id: 'SignalRun' });
export type SignalRun = z.infer<typeof SignalRun>;

/** Newest first. `code` is that of the failure. */
export const WorkflowRunsQuery = z.strictObject({
  ...PageQuery.shape,
  workflowId: WorkflowId.optional(),
  status: RunStatus.optional(),
  code: z.string().max(100).optional(),
  startedById: z.uuid().optional(),
});
export type WorkflowRunsQuery = z.infer<typeof WorkflowRunsQuery>;

/** How often a step failed with a code, over all runs of the workflow. */
export const WorkflowFailure = z
  .strictObject({ stepId: z.string(), code: z.string(), count: z.int(), lastRunId: WorkflowRunId, lastSeenAt: Time })
  .meta({ id: 'WorkflowFailure' });
export type WorkflowFailure = z.infer<typeof WorkflowFailure>;
export const WorkflowFailures = z.strictObject({ data: z.array(WorkflowFailure) }).meta({ id: 'WorkflowFailures' });
export type WorkflowFailures = z.infer<typeof WorkflowFailures>;

export const Schedule = z
  .strictObject({
    id: ScheduleId,
    workflowId: WorkflowId,
    /** The version that it runs; later ones only after a change of the schedule by somebody who may. */
    version: z.int(),
    cron: z.string(),
    timeZone: z.string(),
    input: z.json(),
    enabled: z.boolean(),
    /** Whose rights its runs have. */
    createdBy: UserId,
    /** The agent that made it for that person. */
    agentId: AgentId.nullable(),
    /** The key that made it: it ends with that, and its runs have no more rights. */
    apiKeyId: ApiKeyId.nullable(),
    /** Why the last time that came started no run; a schedule whose rights are gone is turned off as well. */
    failureCode: z.string().nullable(),
    nextAt: Time.nullable(),
    lastAt: Time.nullable(),
    createdAt: Time,
    updatedAt: Time,
  })
  .meta({ id: 'Schedule' });
export type Schedule = z.infer<typeof Schedule>;
export const SchedulePage = page(Schedule).meta({ id: 'SchedulePage' });
const Cron = z.string().trim().min(9).max(120);
const TimeZone = z.string().min(1).max(64);
/** `cron` has five fields: minute, hour, day of month, month, day of week, in `timeZone` (IANA, default UTC). */
export const CreateSchedule = z
  .strictObject({
    workflowId: WorkflowId,
    cron: Cron,
    timeZone: TimeZone.default('UTC'),
    input: RunInput.default({}),
    enabled: z.boolean().default(true),
  })
  .meta({ id: 'CreateSchedule' });
export type CreateSchedule = z.infer<typeof CreateSchedule>;
/** Any change takes the workflow's present version. */
export const PatchSchedule = z
  .strictObject({ cron: Cron.optional(), timeZone: TimeZone.optional(), input: RunInput.optional(), enabled: z.boolean().optional() })
  .meta({ id: 'PatchSchedule' });
export type PatchSchedule = z.infer<typeof PatchSchedule>;
