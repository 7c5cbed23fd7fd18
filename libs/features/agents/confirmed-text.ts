import { SAVE_EVERY_MS } from './assistant.js';

/**
 * How long a text counts as this process's own after it was last confirmed. Milliseconds: well below the silence after which another process
 * takes over.
 */
const SURE_MS = 2_000;

/** The text is not this process's to write any more: it was deleted, has ended, or another process writes it. */
export class TextGone extends Error {}

/**
 * A text that is shown as it is written and confirmed about every half second. After a longer silence (this process stood still, or its
 * writer did) what comes is shown only once it is confirmed that the text is still its own.
 */
export class ConfirmedText {
  private written = '';
  private shown = 0;
  private askedAt = performance.now();
  private confirmedAt = performance.now();
  private asking: Promise<void> = Promise.resolve();
  private gone = false;

  /** `confirm` is told the text so far and answers whether it is still this process's to write; it is when this is made. */
  constructor(
    private readonly show: (offset: number, text: string) => void,
    private readonly confirm: (text: string) => Promise<boolean>,
  ) {}

  get text(): string {
    return this.written;
  }

  /** @throws TextGone */
  add(piece: string): void {
    if (this.gone) throw new TextGone('somebody else writes the text, or nobody');
    this.written += piece;
    this.showMore();
    if (performance.now() - this.askedAt >= SAVE_EVERY_MS) this.ask();
  }

  /** Waits for a confirmation that is under way, so that none comes after the end. */
  async settle(): Promise<void> {
    await this.asking;
  }

  private showMore(): void {
    if (this.shown === this.written.length || performance.now() - this.confirmedAt > SURE_MS) return;
    const offset = this.shown;
    this.shown = this.written.length;
    this.show(offset, this.written.slice(offset));
  }

  private ask(): void {
    const askedAt = performance.now();
    this.askedAt = askedAt;
    const { written } = this;
    this.asking = this.asking
      .then(() => this.confirm(written))
      .then((isOurs) => {
        this.gone = !isOurs;
        if (!isOurs) return;
        this.confirmedAt = askedAt;
        this.showMore();
      })
      // One that fails is made good by the next one.
      .catch(() => undefined);
  }
}
