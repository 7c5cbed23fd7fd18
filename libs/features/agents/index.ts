export { type AgentAnswer, AgentRunner } from './agent-runner.js';
export { ASSISTANT } from './assistant.js';
export { AgentsModule } from './agents.module.js';
export { AgentsQueries } from './agents.queries.js';
export { ApprovalNotices } from './approval-notices.js';
export { type ApprovalRequest, ApprovalsService } from './approvals.service.js';
export { AgentRunsService } from './runs.service.js';
