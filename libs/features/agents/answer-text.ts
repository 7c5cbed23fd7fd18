import type { ChannelId, MessageId, OrgId } from '@atrium/contracts';
import type { LiveBus } from '@atrium/platform/realtime';
import { MAX_ANSWER_CHARS } from './assistant.js';
import { ConfirmedText } from './confirmed-text.js';
import { inertText } from './inert-text.js';

export interface AnswerPlace {
  orgId: OrgId;
  channelId: ChannelId;
  answerId: MessageId;
}

/**
 * The text of a running answer, up to MAX_ANSWER_CHARS: each addition goes to who looks on, and what is there so far is saved about every
 * half second. A writer that begins anew begins at offset 0.
 */
export class AnswerText {
  private readonly confirmed: ConfirmedText;

  /**
   * `requires` are the grants of what the text is made of. `save` keeps the text and answers the grants that its sources have now, null when
   * the answer is not this process's to write any more.
   */
  constructor(
    { orgId, channelId, answerId }: AnswerPlace,
    requires: string[][],
    save: (text: string) => Promise<string[][] | null>,
    live: LiveBus,
  ) {
    let present = requires;
    this.confirmed = new ConfirmedText(
      (offset, text) =>
        live.publish(
          orgId,
          { type: 'live', kind: 'delta', channelId, messageId: answerId, offset, text },
          { channelId, requires: present },
        ),
      async (text) => {
        const saved = await save(text);
        present = saved ?? present;
        return saved !== null;
      },
    );
  }

  get text(): string {
    return this.confirmed.text;
  }

  /** @throws TextGone */
  add(piece: string): void {
    const text = inertText(piece, this.text).slice(0, MAX_ANSWER_CHARS - this.text.length);
    this.confirmed.add(text);
  }

  /** Waits for a save that is under way, so that none comes after the end. */
  settle(): Promise<void> {
    return this.confirmed.settle();
  }
}
