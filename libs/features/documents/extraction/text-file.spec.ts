import fc from 'fast-check';
import { TextFile, type TextEncoding } from './text-file.js';

/** The file, and whether it took the text. */
async function fileOf(text: string, encoding: TextEncoding, pieceBytes = 65_537): Promise<{ file: TextFile; taken: boolean }> {
  const file = await TextFile.create(encoding);
  const bytes = Buffer.from(text, encoding);
  for (let at = 0; at < bytes.length; at += pieceBytes)
    if (!(await file.append(bytes.subarray(at, at + pieceBytes)))) return { file, taken: false };
  return { file, taken: file.isWhole() };
}

describe('a text in a file', () => {
  it.each<[TextEncoding, string]>([
    ['latin1', 'Größe '.repeat(40_000)],
    ['utf16le', 'Größe 😀 会社 '.repeat(20_000)],
  ])('reads in %s like the string that it was', async (encoding, text) => {
    const { file, taken } = await fileOf(text, encoding);

    expect(taken).toBe(true);
    expect(file.length).toBe(text.length);
    expect(file.slice(0, text.length + 5)).toBe(text);
    const places = fc.tuple(fc.nat({ max: text.length }), fc.nat({ max: 70_000 }));
    fc.assert(
      fc.property(places, ([start, count]) => {
        expect(file.charCodeAt(start)).toBe(text.charCodeAt(start));
        expect(file.slice(start, start + count)).toBe(text.slice(start, start + count));
      }),
    );
    await file.close();
  });

  it('takes no NUL and no half of a pair, wherever its bytes are cut', async () => {
    for (const [bad, encoding] of [
      ['a\0', 'latin1'],
      ['会\0', 'utf16le'],
      ['会\ud83d社', 'utf16le'],
      ['会\ude00', 'utf16le'],
      ['会\ud83d', 'utf16le'],
    ] as const) {
      for (const pieceBytes of [1, 2, 3, 100]) {
        const { file, taken } = await fileOf(bad, encoding, pieceBytes);
        await file.close();
        expect(taken).toBe(false);
      }
    }
  });
});
