import { ModelFailure } from './model-failure.js';

const LF = 10;
const CR = 13;

/**
 * Passes an event stream on and breaks it when one event grows beyond `maxEventBytes`: parsers hold an event until its blank line, so
 * an endless line, or endless lines without a blank one, would fill the memory. `maxBytes` bounds the whole, for what is collected
 * without being given on (the arguments of a tool call).
 */
export function eventLimit({
  maxEventBytes,
  maxBytes,
}: {
  maxEventBytes: number;
  maxBytes: number;
}): TransformStream<Uint8Array, Uint8Array> {
  let bytes = 0;
  let eventBytes = 0;
  let lineBytes = 0;
  let previous = 0;
  return new TransformStream({
    transform(chunk, controller) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw new ModelFailure('ai.malformed', 'stream_too_large');
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
        if (eventBytes > maxEventBytes) throw new ModelFailure('ai.malformed', 'event_too_large');
      }
      controller.enqueue(chunk);
    },
  });
}
