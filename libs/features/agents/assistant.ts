/** The agent that every organization has from its beginning. */
export const ASSISTANT = {
  name: 'assistant',
  displayName: 'Assistant',
  description: 'Answers questions from the documents and messages that everyone in the channel may read, with exact quotes.',
  instructions: '',
  tools: ['search'],
  capabilities: ['answers_questions', 'cites_sources'],
} as const;

/** How long a turn may take in all. Seconds. After that it closes as failed; the text so far is kept. */
export const TURN_SECONDS = 120;
/** The longest answer. UTF-16 code units, citations included; what comes after is not read. */
export const MAX_ANSWER_CHARS = 12_000;
/** How often the text of a running answer is saved. Milliseconds. */
export const SAVE_EVERY_MS = 500;
/** How many passages a model is shown. */
export const SHOWN_PASSAGES = 8;
/** What is said of an answer whose writer was shown something and quoted nothing of it. */
export const UNBACKED =
  '*No statement of this answer could be checked against a document, message or memory: it is not backed by what I found.*';
/** How an answer begins that nobody wrote. */
export const NO_MODEL = 'No language model is set up on this server, so these are quotes from what I found:';
