import { type Passage, ReferenceResolvers } from '@atrium/platform/search';
import { systemContext } from '@atrium/platform/tenancy';
import { AnswerCitations } from './answer-citations.js';
import type { OrgId } from '@atrium/contracts';

const TEXT = 'Holidays are thirty days a year. Sundays are free.';
const passage = (kind: Passage['kind'], title: string, body: string): Passage => ({
  unitId: title,
  kind,
  subjectId: title,
  title,
  body,
  score: 1,
  grants: ['org'],
  source: { documentId: title, version: 1, chunkId: `${title}-chunk`, start: 0, end: body.length },
});

function newCitations() {
  const resolvers = new ReferenceResolvers();
  resolvers.register('document', {
    locate: (_ctx, _source, quote) => {
      const start = TEXT.indexOf(quote);
      return Promise.resolve(start < 0 ? null : { start, end: start + quote.length, quote, title: 'Handbook', page: 2 });
    },
  });
  resolvers.register('memory', {
    locate: (_ctx, { memoryId }, quote) =>
      Promise.resolve(memoryId === 'Ben · lives in' ? { start: 0, end: quote.length, quote, title: '', page: null } : null),
  });
  const passages = [
    passage('document', 'handbook', TEXT),
    passage('message', '#plan', 'We meet on Mondays at nine.'),
    passage('document', 'gone', 'This text was removed.'),
    passage('memory', 'Ben · lives in', 'Ben lives in Lviv.'),
    passage('memory', '', 'Forgotten meanwhile.'),
  ];
  return new AnswerCitations(resolvers, systemContext('00000000-0000-7000-8000-000000000001' as OrgId, 'test'), passages);
}

describe('AnswerCitations', () => {
  it('numbers true quotes in order, each place once, and finds one that names the wrong passage', async () => {
    const citations = newCitations();
    expect(await citations.mark([{ passage: 1, quote: 'Sundays are free.' }])).toBe('[1]');
    expect(await citations.mark([{ passage: 2, quote: 'thirty  days' }])).toBe('[2]');
    expect(await citations.mark([{ passage: 1, quote: 'Sundays are free.' }])).toBe('[1]');
    expect(citations.all).toMatchObject([
      { documentId: 'handbook', chunkId: 'handbook-chunk', quote: 'Sundays are free.', start: TEXT.indexOf('Sundays'), verified: true },
      { documentId: 'handbook', quote: 'thirty days', title: 'Handbook', page: 2, verified: true },
    ]);
  });

  it('drops what is not true, not there any more, or only claimed', async () => {
    const citations = newCitations();
    expect(await citations.mark([{ passage: 1, quote: 'Holidays are forty days a year.' }])).toBe('');
    expect(await citations.mark([{ passage: 3, quote: 'This text was removed.' }])).toBe('');
    expect(await citations.mark([{ passage: 1, quote: null }])).toBe('');
    expect(await citations.mark([{ passage: 99, quote: null }])).toBe('');
    expect(citations.backed).toBe(false);
    expect(citations.all).toEqual([]);
  });

  it('names a memory that still says so', async () => {
    const citations = newCitations();
    expect(await citations.mark([{ passage: 4, quote: 'Ben lives in Lviv' }])).toBe('[1] (memory: Ben · lives in)');
    expect(await citations.mark([{ passage: 5, quote: 'Forgotten meanwhile.' }])).toBe('');
    expect(citations.all).toMatchObject([{ kind: 'memory', memoryId: 'Ben · lives in', quote: 'Ben lives in Lviv' }]);
  });

  it('keeps a bare marker behind a true quote, and tells the place of a message', async () => {
    const citations = newCitations();
    expect(await citations.mark([{ passage: 2, quote: 'Mondays at nine' }])).toBe('[1] (#plan)');
    expect(
      await citations.mark([
        { passage: 1, quote: 'thirty days' },
        { passage: 2, quote: null },
      ]),
    ).toBe('[2] [1] (#plan)');
    expect(await citations.mark([{ passage: 1, quote: null }])).toBe('[2]');
    expect(citations.all).toMatchObject([{ kind: 'message', messageId: '#plan', quote: 'Mondays at nine' }, { kind: 'document' }]);
    expect(citations.backed).toBe(true);
  });
});
