export { Durable, type DurableArgs, type DurableRun } from './durable.js';
export { DurableModule } from './durable.module.js';
export { FairLimiter } from './fair-limiter.js';
export { Reaper } from './reaper.js';
