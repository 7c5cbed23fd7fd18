/** Words with which one asks, but which say nothing of what is asked for. Stop words of the index need not stand here. */
const COURTESY = new Set(
  (
    'hi hello hey dear please thanks thank kindly assistant question questions answer answers ask asking tell say says said know let want need like ' +
    'help find show give get explain describe summarize summarise mean means many much could would should can may might shall will must does did ' +
    'anyone anybody somebody someone something anything exactly currently really just also actually maybe possible looking wondering us'
  ).split(' '),
);
const MENTION = /(?<![\p{L}\p{N}_])@assistant(?![\p{L}\p{N}_])/giu;

/** What the index is asked for: the question without the mention and without courtesies, or all of it when nothing else is left. */
export function searchTextOf(question: string): string {
  const asked = question.replace(MENTION, ' ').trim();
  const kept = asked.split(/\s+/).filter((word) => !COURTESY.has(word.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '')));
  return (kept.some((word) => /[\p{L}\p{N}]/u.test(word)) ? kept.join(' ') : asked).slice(0, 4_000);
}

/** A question of no more words than this, mention and courtesies apart, is short. */
const SHORT_WORDS = 4;

/**
 * What evidence for a question in a thread is looked for with. A short one (at most four words beside the mention and courtesies) seldom
 * says what it is about: it is looked for together with the last question of the same person in the thread that is not short itself, or
 * else with the first one. `earlier`: what that person asked there before, oldest first.
 */
export function questionInThread(question: string, earlier: readonly string[]): string {
  if (!isShort(question)) return question;
  const before = earlier.findLast((one) => !isShort(one)) ?? earlier[0];
  return before === undefined ? question : `${before} ${question}`;
}

const isShort = (question: string) =>
  searchTextOf(question)
    .split(/\s+/)
    .filter((word) => /[\p{L}\p{N}]/u.test(word)).length <= SHORT_WORDS;

/** What a model is asked: the question without the mention. */
export const questionOf = (body: string): string =>
  body
    .replace(MENTION, ' ')
    .replace(/[ \t]+/g, ' ')
    .trim();
