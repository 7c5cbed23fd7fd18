import { type AnswerPiece, CitationParser } from './citation-parser.js';

function read(text: string, chunkChars = text.length): AnswerPiece[] {
  const parser = new CitationParser();
  const pieces: AnswerPiece[] = [];
  for (let at = 0; at < text.length; at += chunkChars) pieces.push(...parser.push(text.slice(at, at + chunkChars)));
  pieces.push(...parser.end());
  const joined: AnswerPiece[] = [];
  for (const piece of pieces) {
    const last = joined.at(-1);
    if (piece.kind === 'text' && last?.kind === 'text') last.text += piece.text;
    else joined.push(piece.kind === 'text' ? { ...piece } : piece);
  }
  return joined;
}

const text = (value: string) => ({ kind: 'text', text: value });
const marker = (lead: string, ...claims: [number, string | null][]) => ({
  kind: 'marker',
  lead,
  claims: claims.map(([passage, quote]) => ({ passage, quote })),
});

describe('CitationParser', () => {
  it.each<[string, unknown[]]>([
    ['Plain words.', [text('Plain words.')]],
    ['A [1: "b c"]. D', [text('A'), marker(' ', [1, 'b c']), text('. D')]],
    ['A[2]B', [text('A'), marker('', [2, null]), text('B')]],
    ['A [1, 3].', [text('A'), marker(' ', [1, null], [3, null]), text('.')]],
    ['A [1: “b”]', [text('A'), marker(' ', [1, 'b'])]],
    ['A [1: "say [2] and ] then"] B', [text('A'), marker(' ', [1, 'say [2] and ] then']), text(' B')]],
    ['A [1: "b", 2: "c"]', [text('A'), marker(' ', [1, 'b'], [2, 'c'])]],
    ['A [1: without quotes]', [text('A'), marker(' ', [1, 'without quotes'])]],
    ['A [link](x) and [note] and [ ] end', [text('A [link](x) and [note] and [ ] end')]],
    ['A [1: "never closed', [text('A')]],
    ['A [', [text('A')]],
    ['A ', [text('A ')]],
  ])('reads %j, however it is cut', (answer, expected) => {
    for (const chunkChars of [1, 2, 3, 7, 1_000]) expect(read(answer, chunkChars)).toEqual(expected);
  });

  it('gives text on as soon as it can be no marker', () => {
    const parser = new CitationParser();
    expect(parser.push('Hello wor')).toEqual([text('Hello wor')]);
    expect(parser.push('ld [1')).toEqual([text('ld')]);
    expect(parser.push('9 years] on')).toEqual([text(' [19 years] on')]);
  });

  it('takes a marker without end for text', () => {
    const endless = `A [1: "${'x'.repeat(5_000)}`;
    expect(read(endless, 100)).toEqual([text(endless)]);
  });
});
