import { snippetOf } from './snippet.js';

const placesOf = (body: string, ...words: string[]) =>
  words
    .flatMap((word) => [...body.matchAll(new RegExp(word, 'g'))].map(({ index }) => ({ start: index, end: index + word.length })))
    .sort((a, b) => a.start - b.start);

describe('snippetOf', () => {
  it('takes the whole of a short text', () => {
    expect(snippetOf('All of it.', [])).toEqual({ snippet: 'All of it.', highlights: [] });
    expect(snippetOf('', [])).toEqual({ snippet: '', highlights: [] });
  });

  it('goes where most matches are, and cuts between words', () => {
    const body = `${'alone cat here '.repeat(1)}${'padding words '.repeat(40)}a cat and a dog and a cat ${'more padding '.repeat(40)}`;

    const { snippet, highlights } = snippetOf(body, placesOf(body, 'cat', 'dog'));

    expect(snippet.length).toBeLessThanOrEqual(240);
    expect(body).toContain(snippet);
    expect(highlights.map(({ start, end }) => snippet.slice(start, end))).toEqual(['cat', 'dog', 'cat']);
    expect(snippet).toMatch(/^(padding|words) .* (padding|more)$/);
  });

  it('never cuts a character in two', () => {
    for (let shift = 0; shift < 4; shift++) {
      const body = 'x'.repeat(shift) + '😀'.repeat(400);
      const { snippet } = snippetOf(body, [{ start: 300 + (shift % 2), end: 302 + (shift % 2) }]);
      expect(snippet).not.toMatch(/^[\udc00-\udfff]|[\ud800-\udbff]$/);
      expect(snippet.length).toBeGreaterThan(200);
      expect(body).toContain(snippet);
    }
  });

  it('joins pairs of characters that overlap', () => {
    expect(
      snippetOf('東京都', [
        { start: 0, end: 2 },
        { start: 1, end: 3 },
      ]).highlights,
    ).toEqual([{ start: 0, end: 3 }]);
  });

  it('keeps a match that is longer than the window out of the highlights', () => {
    const body = 'y'.repeat(600);
    const { snippet, highlights } = snippetOf(body, [{ start: 0, end: 600 }]);
    expect(snippet.length).toBeLessThanOrEqual(240);
    expect(highlights).toEqual([]);
  });
});
