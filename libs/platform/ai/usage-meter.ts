import type { ModelUsage } from './model-options.js';
import { tokensOf, tokenWeight } from './token-estimate.js';

interface Reported {
  inputTokens?: number;
  outputTokens?: number;
}

/** More than any model takes: an endpoint that reports more is not believed. */
const MAX_TOKENS = 10_000_000;

/**
 * Counts the tokens of a turn over all its tries. What the endpoint reports wins; what it does not report is estimated from the
 * text that was received. A try that was refused or not answered costs nothing; one that was waited for in vain, or left, its prompt: it was
 * sent, and the endpoint may take money for it.
 */
export class UsageMeter {
  private before: ModelUsage = { inputTokens: 0, outputTokens: 0, estimated: false };
  /** Of what was received. */
  private weight = 0;
  private answered = false;
  private reported: Reported = {};

  constructor(private readonly promptTokens: number) {}

  /** Another try begins: what was counted so far stays counted. */
  nextTry(): void {
    this.before = this.usage();
    this.weight = 0;
    this.answered = false;
    this.reported = {};
  }

  receive(text: string): void {
    this.weight += tokenWeight(text);
    this.answered = true;
  }

  /** Nobody waits any longer for an answer to this try, which had begun. */
  giveUp(): void {
    this.answered = true;
  }

  /** The endpoint has finished its answer, perhaps an empty one. */
  finish(): void {
    this.answered = true;
  }

  /** Reads the `usage` of a raw chunk, if it has one; a later report replaces an earlier one. */
  readReport(chunk: unknown): void {
    const usage = field(chunk, 'usage');
    const inputTokens = count(field(usage, 'prompt_tokens'));
    const outputTokens = count(field(usage, 'completion_tokens'));
    this.reported = {
      ...this.reported,
      ...(inputTokens === undefined ? {} : { inputTokens }),
      ...(outputTokens === undefined ? {} : { outputTokens }),
    };
  }

  usage(): ModelUsage {
    const { inputTokens, outputTokens } = this.reported;
    const guessed = this.answered && (inputTokens === undefined || outputTokens === undefined);
    return {
      inputTokens: this.before.inputTokens + (inputTokens ?? (this.answered ? this.promptTokens : 0)),
      outputTokens: this.before.outputTokens + (outputTokens ?? tokensOf(this.weight)),
      estimated: this.before.estimated || guessed,
    };
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 && value <= MAX_TOKENS ? Math.trunc(value) : undefined;
}
