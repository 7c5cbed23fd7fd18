export { childEntry } from './child-entry.js';
