import type { ChannelId, MessageId, OrgId } from '@atrium/contracts';
import type { LiveBus } from '@atrium/platform/realtime';
import { MAX_ANSWER_CHARS, SAVE_EVERY_MS } from './assistant.js';
import { inertText } from './inert-text.js';

/** The answer is not wanted any more: it was deleted, or ended elsewhere. */
export class AnswerGone extends Error {}

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
  private written = '';
  private savedAt = performance.now();
  private saving: Promise<void> = Promise.resolve();
  private gone = false;

  /**
   * `requires` are the grants of what the text is made of. `save` keeps the text and answers the grants that its sources have now, null when
   * the answer is not being written any more.
   */
  constructor(
    private readonly place: AnswerPlace,
    private requires: string[][],
    private readonly save: (text: string) => Promise<string[][] | null>,
    private readonly live: LiveBus,
  ) {}

  get text(): string {
    return this.written;
  }

  /** @throws AnswerGone */
  add(piece: string): void {
    if (this.gone) throw new AnswerGone('the answer was deleted or has ended');
    const text = inertText(piece, this.written).slice(0, MAX_ANSWER_CHARS - this.written.length);
    if (text === '') return;
    const { orgId, channelId, answerId } = this.place;
    const frame = { type: 'live', kind: 'delta', channelId, messageId: answerId, offset: this.written.length, text } as const;
    this.written += text;
    this.live.publish(orgId, frame, { channelId, requires: this.requires });
    if (performance.now() - this.savedAt >= SAVE_EVERY_MS) this.keep();
  }

  /** Waits for a save that is under way, so that none comes after the end. */
  async settle(): Promise<void> {
    await this.saving;
  }

  private keep(): void {
    this.savedAt = performance.now();
    const { written } = this;
    this.saving = this.saving
      .then(() => this.save(written))
      .then((requires) => {
        if (requires) this.requires = requires;
        else this.gone = true;
      })
      // A save that fails is made good by the next one.
      .catch(() => undefined);
  }
}
