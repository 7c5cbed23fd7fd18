import type { ChannelId, MessageId } from '@atrium/contracts';
import type { AnswerSource, AnswersService } from '@atrium/features/chat';
import type { LiveBus } from '@atrium/platform/realtime';
import type { OrgContext } from '@atrium/platform/tenancy';
import { SAVE_EVERY_MS } from './assistant.js';
import { inertText } from './inert-text.js';

/** The answer is not wanted any more: it was deleted, or ended elsewhere. */
export class AnswerGone extends Error {}

export interface AnswerPlace {
  channelId: ChannelId;
  answerId: MessageId;
}

/** The text of a running answer: each addition goes to who looks on, and what is there so far is saved about every half second. */
export class AnswerText {
  private written = '';
  private savedAt = performance.now();
  private saving: Promise<void> = Promise.resolve();
  private gone = false;
  /** The grants of the sources, as they were when the text was saved last. */
  private requires: string[][];

  constructor(
    private readonly ctx: OrgContext,
    private readonly place: AnswerPlace,
    private readonly sources: readonly AnswerSource[],
    private readonly answers: AnswersService,
    private readonly live: LiveBus,
  ) {
    this.requires = sources.map((source) => source.grants);
  }

  get text(): string {
    return this.written;
  }

  /** @throws AnswerGone */
  add(piece: string): void {
    if (this.gone) throw new AnswerGone('the answer was deleted or has ended');
    const text = inertText(piece, this.written);
    if (text === '') return;
    const { channelId, answerId } = this.place;
    const frame = { type: 'live', kind: 'delta', channelId, messageId: answerId, offset: this.written.length, text } as const;
    this.written += text;
    this.live.publish(this.ctx.orgId, frame, { channelId, requires: this.requires });
    if (performance.now() - this.savedAt >= SAVE_EVERY_MS) this.save();
  }

  /** Waits for a save that is under way, so that none comes after the end. */
  async settle(): Promise<void> {
    await this.saving;
  }

  private save(): void {
    this.savedAt = performance.now();
    const { written } = this;
    this.saving = this.saving
      .then(() => this.answers.saveProgress(this.ctx, this.place.answerId, written, this.sources))
      .then((requires) => {
        if (requires) this.requires = requires;
        else this.gone = true;
      })
      // A save that fails is made good by the next one.
      .catch(() => undefined);
  }
}
