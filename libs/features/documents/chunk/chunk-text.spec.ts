import fc from 'fast-check';
import type { Extraction } from '../extraction/extraction.js';
import { chunksOf, chunkText } from './chunk-text.js';

const divide = (text: Parameters<typeof chunksOf>[0]) => [...chunksOf(text)];
const plain = (text: string): Extraction => ({ mediaType: 'text/plain', text, headings: [], pages: [] });

/** Texts with long words, long lines, blank lines, emoji and headings at random line starts. */
const arbitraryExtraction = fc
  .array(
    fc.oneof(
      fc.lorem({ mode: 'sentences', maxCount: 12 }),
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.nat({ max: 4_000 }).map((length) => 'x'.repeat(length)),
      fc.nat({ max: 2_000 }).map((length) => '😀'.repeat(length)),
      fc.nat({ max: 300 }).map((length) => 'wort '.repeat(length)),
      fc.constantFrom('\n', '\n\n', ' ', '', '一。二。三。'.repeat(300)),
    ),
    { maxLength: 40 },
  )
  .chain((parts) => {
    const text = parts.join('\n');
    const starts = [0, ...[...text.matchAll(/\n/g)].map((match) => match.index + 1)].filter((start) =>
      /^[^\s\0- ]/.test(text.slice(start, start + 1)),
    );
    return fc
      .tuple(
        fc.subarray(starts, { maxLength: Math.min(8, starts.length) }),
        fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 8, maxLength: 8 }),
      )
      .map(([chosen, levels]): Extraction => ({
        mediaType: 'text/markdown',
        text,
        headings: chosen.map((start, at) => ({ level: levels[at] ?? 1, title: `H${at}`, start })),
        pages: chosen.map((start, at) => ({ number: at + 1, start })),
      }));
  });

const visible = (text: string) => text.replace(/[\s\u0000-\u0020]/g, '');

describe('chunkText', () => {
  it('covers every visible character once, in order, within the maximum, and splits no surrogate pair', () => {
    fc.assert(
      fc.property(arbitraryExtraction, (extraction) => {
        const { text } = extraction;
        const chunks = divide(extraction);

        expect(chunks.map((chunk) => chunk.ordinal)).toEqual(chunks.map((_, at) => at));
        let before = 0;
        for (const { start, end } of chunks) {
          expect(start).toBeGreaterThanOrEqual(before);
          expect(end).toBeGreaterThan(start);
          expect(end - start).toBeLessThanOrEqual(1_600);
          expect(text.slice(start, end)).not.toMatch(/\p{Surrogate}/u);
          expect(visible(text.slice(before, start))).toBe('');
          before = end;
        }
        expect(visible(text.slice(before))).toBe('');
      }),
      { numRuns: 300 },
    );
  });

  it('never crosses a heading and knows the sections around it', () => {
    fc.assert(
      fc.property(arbitraryExtraction, (extraction) => {
        for (const chunk of divide(extraction)) {
          const crossed = extraction.headings.filter(({ start }) => start > chunk.start && start < chunk.end);
          for (const { start } of crossed) expect(extraction.text.slice(chunk.start, start)).toMatch(/^(.*\n[\s=-]*)*$/);
          expect(crossed.length).toBeLessThan(6);
          const innermost = extraction.headings.filter(({ start }) => start < chunk.end).at(-1);
          expect(chunk.headingPath.at(-1)).toBe(innermost?.title);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('leaves a passage below 200 only where the section is that short', () => {
    fc.assert(
      fc.property(fc.array(fc.lorem({ mode: 'sentences', maxCount: 10 }), { minLength: 5, maxLength: 60 }), (paragraphs) => {
        const chunks = divide(plain(paragraphs.join('\n\n')));

        if (chunks.length > 1) for (const { start, end } of chunks) expect(end - start).toBeGreaterThanOrEqual(200);
      }),
    );
  });

  it('names the page on which a passage starts and the whole path of headings', () => {
    const text = `Guide\n\n${'Intro words. '.repeat(80)}\n\nPart one\n\n${'More words. '.repeat(80)}`.trim();
    const second = text.indexOf('Part one');
    const chunks = divide({
      text,
      headings: [
        { level: 1, title: 'Guide', start: 0 },
        { level: 2, title: 'Part one', start: second },
      ],
      pages: [
        { number: 1, start: 0 },
        { number: 2, start: second },
      ],
    });

    expect(chunks[0]).toMatchObject({ start: 0, headingPath: ['Guide'], page: 1 });
    expect(chunks.at(-1)).toMatchObject({ headingPath: ['Guide', 'Part one'], page: 2 });
  });

  it('lets a heading without text of its own open the next passage', () => {
    const text = '# Guide\n\n## Set up\n\nDo this.';
    const headings = [
      { level: 1, title: 'Guide', start: 0 },
      { level: 2, title: 'Set up', start: 9 },
    ];

    expect(divide({ text, headings, pages: [] })).toEqual([
      { ordinal: 0, start: 0, end: text.length, headingPath: ['Guide', 'Set up'], page: null },
    ]);
  });

  it('says nothing about a blank text', () => {
    expect(divide(plain(''))).toEqual([]);
    expect(divide(plain(' \n\n\t '))).toEqual([]);
  });

  // A text that takes quadratic time does not end within the limit of a test.
  it.each([
    ['prose', 'The quick brown fox jumps over the lazy dog. '.repeat(110_000)],
    ['one word', 'x'.repeat(5_000_000)],
    ['short lines', 'ab\n'.repeat(1_700_000)],
    ['full stops', '. '.repeat(2_500_000)],
    ['surrogate pairs', '😀'.repeat(2_500_000)],
  ])('divides 5 MB of %s in linear time', (_, text) => {
    expect(divide(plain(text)).length).toBeGreaterThan(text.length / 1_600);
  });

  it('does not look past a section for its end', () => {
    const text = 'a\n'.repeat(2_000_000);
    const headings = Array.from({ length: 20_000 }, (_, at) => ({ level: 1, title: `${at}`, start: at * 200 }));

    expect(divide({ text, headings, pages: [] }).length).toBe(20_000);
  });

  it('lets other work in while it divides a large text', async () => {
    let turns = 0;
    const timer = setInterval(() => (turns += 1), 0);
    const text = 'Some words of a sentence. '.repeat(100_000);

    const chunks = await chunkText(plain(text));
    clearInterval(timer);

    expect(chunks).toEqual(divide(plain(text)));
    expect(turns).toBeGreaterThan(0);
  });
});
