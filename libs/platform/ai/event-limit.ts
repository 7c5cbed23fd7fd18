import { ModelFailure } from './model-failure.js';

const LF = 10;
const CR = 13;

/**
 * Passes an event stream on and breaks it when one event grows beyond `maxBytes`: parsers hold an event until its blank line, so an
 * endless line, or endless lines without a blank one, would fill the memory.
 */
export function eventLimit(maxBytes: number): TransformStream<Uint8Array, Uint8Array> {
  let eventBytes = 0;
  let lineBytes = 0;
  let previous = 0;
  return new TransformStream({
    transform(chunk, controller) {
      for (const byte of chunk) {
        eventBytes += 1;
        if (byte === LF && previous === CR) {
          // The second half of one line end.
        } else if (byte === LF || byte === CR) {
          if (lineBytes === 0) eventBytes = 0;
          lineBytes = 0;
        } else {
          lineBytes += 1;
        }
        previous = byte;
        if (eventBytes > maxBytes) throw new ModelFailure('ai.malformed', 'event_too_large');
      }
      controller.enqueue(chunk);
    },
  });
}
