import { type Bomb, bomb } from './bombs.js';
import { pictured } from './pdf-bombs.js';
import { longDocx } from './word-bombs.js';

/** Sentences that differ from each other, so many characters of them. */
function sentences(characters: number): string[] {
  const all: string[] = [];
  for (let length = 0, at = 0; length < characters; at++) {
    const sentence = `Sentence ${at} tells how tomato number ${(at * 7919) % 100_003} is grown in bed ${at % 977}, and when it is watered.`;
    all.push(sentence);
    length += sentence.length + 1;
  }
  return all;
}
const paragraphs = (characters: number) => sentences(characters).map((sentence, at) => (at % 5 === 4 ? `${sentence}\n` : sentence));
const chapters = (characters: number) =>
  sentences(characters).map((sentence, at) => (at % 50 === 0 ? `<h2>Chapter ${at / 50 + 1}</h2><p>${sentence}</p>` : `<p>${sentence}</p>`));

/** Honest files that are larger than most. */
export const LARGE_FILES: Bomb[] = [
  bomb('two-megabytes.txt', ['ready'], () => paragraphs(2_000_000).join('\n')),
  bomb('one-megabyte.html', ['ready'], () => `<!doctype html><html><body>${chapters(1_000_000).join('')}</body></html>`),
  bomb('one-megabyte.docx', ['ready'], () => longDocx(sentences(1_000_000))),
  bomb('ninety-megabytes.pdf', ['ready'], () => pictured(90_000_000)),
];
