export { AgentsModule } from './agents.module.js';
export { AgentsQueries } from './agents.queries.js';
