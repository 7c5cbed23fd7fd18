export { childEntry } from './child-entry.js';
export { Secret } from './secret.js';
