export { Log, type LogFields } from './log.js';
export { Metrics } from './metrics.js';
export { requestScope } from './request-scope.js';
