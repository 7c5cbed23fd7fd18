export { type ModelCaller, Models, NOTHING_PAID, type Paid } from './models.service.js';
export { isOfModels } from './provider-failure.js';
export { ModelsModule } from './models.module.js';
