import { EVENTS } from '@atrium/contracts';
import { type LoggedEvent, toLiveEvent } from '@atrium/platform/events';
import { requiresOf } from './reader.js';

/** An event made ready to be sent: turned into JSON once for all who receive it whole, and once for all from whom its text is withheld. */
export class EventFrame {
  readonly requires: string[][];
  private whole: string | undefined;
  private withheld: string | undefined;

  constructor(readonly event: LoggedEvent) {
    this.requires = requiresOf(event);
  }

  /** The frame for a reader whose last event frame had the seq `after`. */
  text(after: number, granted: boolean): string {
    return `{"type":"event","seq":${this.event.seq},"after":${after},"event":${granted ? this.wholeEvent() : this.withheldEvent()}}`;
  }

  private wholeEvent(): string {
    this.whole ??= JSON.stringify(toLiveEvent(this.event, new Set(this.requires.flat())));
    return this.whole;
  }

  private withheldEvent(): string {
    this.withheld ??= JSON.stringify(toLiveEvent(this.event, null));
    return this.withheld;
  }
}

/** Whether clients receive events of this type at all; a type that this version does not know is not sent. */
export function isLive(event: LoggedEvent): boolean {
  return (EVENTS as Record<string, { live: boolean } | undefined>)[event.type]?.live === true;
}
