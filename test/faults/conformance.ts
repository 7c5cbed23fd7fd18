/** Why a check of the official suite cannot pass here. */
const NO_FIXTURE =
  'it calls a tool of the suite’s own example server; the same is tested with real tools in e2e/mcp and security/mcp-isolation';
const NO_PROMPTS = 'Atrium offers no prompts, and does not say that it does';
const NO_RESOURCES = 'Atrium offers no resources: documents are read by tools, under their permissions';
const NO_COMPLETION = 'Atrium offers no completions, and does not say that it does';
const NO_LOGGING = 'Atrium sends no log messages, and does not say that it does';
const NO_INPUT = 'no tool asks back while it runs: what needs a person’s word is an approval';
const NO_MIRRORED = 'no tool has arguments that clients mirror into headers';
const TASKS = 'the extension for tasks is not offered: long work is a workflow run';

/** The suites to run: the released one speaks 2025-11-25; that of 2026-07-28 is not released yet. */
export const SUITES: Suite[] = [
  {
    revision: '2025-11-25',
    suite: '@modelcontextprotocol/conformance@0.1.16',
    options: ['--suite', 'all'],
    /** Scenarios of which nothing fails. */
    passing: ['server-initialize', 'ping', 'tools-list', 'dns-rebinding-protection', 'server-sse-polling', 'server-sse-multiple-streams'],
    /** Checks that may fail, by scenario, with the reason. */
    notApplicable: {
      'tools-call-simple-text': NO_FIXTURE,
      'tools-call-image': NO_FIXTURE,
      'tools-call-audio': NO_FIXTURE,
      'tools-call-embedded-resource': NO_FIXTURE,
      'tools-call-mixed-content': NO_FIXTURE,
      'tools-call-with-logging': NO_LOGGING,
      'tools-call-error': NO_FIXTURE,
      'tools-call-with-progress': NO_FIXTURE,
      'tools-call-sampling': NO_INPUT,
      'tools-call-elicitation': NO_INPUT,
      'json-schema-2020-12': NO_FIXTURE,
      'elicitation-sep1034-defaults': NO_INPUT,
      'elicitation-sep1330-enums': NO_INPUT,
      'logging-set-level': NO_LOGGING,
      'completion-complete': NO_COMPLETION,
      'resources-list': NO_RESOURCES,
      'resources-read-text': NO_RESOURCES,
      'resources-read-binary': NO_RESOURCES,
      'resources-templates-read': NO_RESOURCES,
      'resources-subscribe': NO_RESOURCES,
      'resources-unsubscribe': NO_RESOURCES,
      'prompts-list': NO_PROMPTS,
      'prompts-get-simple': NO_PROMPTS,
      'prompts-get-with-args': NO_PROMPTS,
      'prompts-get-embedded-resource': NO_PROMPTS,
      'prompts-get-with-image': NO_PROMPTS,
    },
  },
  {
    revision: '2026-07-28',
    suite: '@modelcontextprotocol/conformance@0.2.0-alpha.12',
    options: ['--requirements', '2026-07-28'],
    passing: [
      'tools-list',
      'dns-rebinding-protection',
      'http-header-validation',
      'server-sse-multiple-streams',
      'sep-2164-resource-not-found',
      'input-required-result-missing-input-response',
      'input-required-result-unsupported-methods',
      'input-required-result-ignore-extra-params',
      'input-required-result-validate-input',
      'tasks-status-notifications',
    ],
    notApplicable: {
      'server-stateless': [
        ['sep-2575-server-rejects-undeclared-capability', NO_FIXTURE],
        ['sep-2575-missing-capability-http-400', NO_FIXTURE],
        ['sep-2575-http-server-no-independent-requests-on-stream', NO_INPUT],
        ['sep-2575-server-no-log-without-loglevel', NO_LOGGING],
      ],
      caching: [
        ['sep-2549-prompts-list-caching-hints', NO_PROMPTS],
        ['sep-2549-resources-list-caching-hints', NO_RESOURCES],
        ['sep-2549-resources-templates-list-caching-hints', NO_RESOURCES],
      ],
      'completion-complete': NO_COMPLETION,
      'tools-call-simple-text': NO_FIXTURE,
      'tools-call-image': NO_FIXTURE,
      'tools-call-audio': NO_FIXTURE,
      'tools-call-embedded-resource': NO_FIXTURE,
      'tools-call-mixed-content': NO_FIXTURE,
      'tools-call-error': NO_FIXTURE,
      'tools-call-with-progress': NO_FIXTURE,
      'json-schema-2020-12': NO_FIXTURE,
      'resources-list': NO_RESOURCES,
      'resources-read-text': NO_RESOURCES,
      'resources-read-binary': NO_RESOURCES,
      'resources-templates-read': NO_RESOURCES,
      'prompts-list': NO_PROMPTS,
      'prompts-get-simple': NO_PROMPTS,
      'prompts-get-with-args': NO_PROMPTS,
      'prompts-get-embedded-resource': NO_PROMPTS,
      'prompts-get-with-image': NO_PROMPTS,
      'http-custom-header-server-validation': NO_MIRRORED,
      'input-required-result-basic-elicitation': NO_INPUT,
      'input-required-result-basic-sampling': NO_INPUT,
      'input-required-result-basic-list-roots': NO_INPUT,
      'input-required-result-request-state': NO_INPUT,
      'input-required-result-multiple-input-requests': NO_INPUT,
      'input-required-result-multi-round': NO_INPUT,
      'input-required-result-non-tool-request': NO_INPUT,
      'input-required-result-result-type': NO_INPUT,
      'input-required-result-tampered-state': NO_INPUT,
      'input-required-result-capability-check': NO_INPUT,
      'tasks-lifecycle': TASKS,
      'tasks-capability-negotiation': TASKS,
      'tasks-wire-fields': TASKS,
      'tasks-request-state-removal': TASKS,
      'tasks-mrtr-input': TASKS,
      'tasks-request-headers': TASKS,
      'tasks-dispatch-and-envelope': TASKS,
      'tasks-required-task-error': TASKS,
      'tasks-mrtr-composition': TASKS,
    },
  },
];

export interface Suite {
  revision: string;
  suite: string;
  options: string[];
  passing: string[];
  /** A reason for the scenario whole, or for each of its checks that may fail. */
  notApplicable: Record<string, string | [check: string, because: string][]>;
}
