import type { LiveFrame } from '@atrium/contracts';
import type { LoggedEvent } from '@atrium/platform/events';
import type { LiveTarget } from './live-target.js';

/**
 * Code of ours that follows an organization: told of every event in log order and of every lossy frame, whoever these are for. It answers
 * for the rights of whom it tells. Neither method may throw or wait.
 */
export interface LiveWatcher {
  event(event: LoggedEvent): void;
  /** Frames get lost, as for everybody. */
  frame(frame: LiveFrame, target: LiveTarget): void;
}
