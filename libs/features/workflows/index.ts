export { RunsService } from './runs.service.js';
export { TasksQueries } from './tasks.queries.js';
export { TasksService } from './tasks.service.js';
export { WorkflowsModule } from './workflows.module.js';
export { WorkflowsQueries } from './workflows.queries.js';
