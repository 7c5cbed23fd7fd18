export { Answers } from './answers.decorator.js';
export { assertUnchanged, etagOf } from './etag.js';
export { decodeCursor, encodeCursor, EVENT_SEQ, listed, pageOf } from './page.js';
