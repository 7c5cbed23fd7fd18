export { ModelGateway } from './model.gateway.js';
export type { ModelDelta, ModelFinish, ModelOptions, ModelRequest, ModelUsage } from './model-options.js';
