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

/** What a model is asked: the question without the mention. */
export const questionOf = (body: string): string =>
  body
    .replace(MENTION, ' ')
    .replace(/[ \t]+/g, ' ')
    .trim();
