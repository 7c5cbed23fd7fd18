import type { AnswerCitations } from './answer-citations.js';
import { type AnswerPiece, CitationParser } from './citation-parser.js';

/** A piece of an answer as readers see it, and the same without the numbers of citations. */
export interface MarkedPiece {
  text: string;
  plain: string;
}

/** What a model says, as it comes, with its markers checked: those of true quotes become the marks of `citations`, the others go. */
export class MarkedText {
  private readonly parser = new CitationParser();

  constructor(private readonly citations: AnswerCitations) {}

  /** What can be shown after this much more of the model's text. */
  push(delta: string): Promise<MarkedPiece> {
    return this.marked(this.parser.push(delta));
  }

  /** What is left when nothing more comes. */
  end(): Promise<MarkedPiece> {
    return this.marked(this.parser.end());
  }

  private async marked(pieces: readonly AnswerPiece[]): Promise<MarkedPiece> {
    const all = { text: '', plain: '' };
    for (const piece of pieces) {
      const mark = piece.kind === 'marker' ? await this.citations.mark(piece.claims) : '';
      const text = piece.kind === 'text' ? piece.text : mark && piece.lead + mark;
      all.text += text;
      all.plain += piece.kind === 'text' ? text : withoutNumbers(text);
    }
    return all;
  }
}

export const withoutNumbers = (text: string): string => text.replace(/[ \t]*\[\d+\]/g, '');
