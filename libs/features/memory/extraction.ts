/** What somebody said; `author` is whom `I` means. */
export interface Said {
  author: string;
  content: string;
  /** Whether it is a person who speaks: the rules believe no others. */
  isPerson: boolean;
}

/** A fact found in what was said. `quote` stands in the message of that index. */
export interface Proposal {
  message: number;
  quote: string;
  content: string;
  subject: string | null;
  predicate: string | null;
  confidence: number;
}

/** The most facts of one extraction. */
export const MAX_PROPOSALS = 100;
