import { type Candidate, onceEach, rank } from './ranking.js';

const question = { idfs: [2, 1, 1], meanLength: 8, meaningWeight: 0.3, nearEnough: 0.65 };
const none = { ...question, meaningWeight: 0 };

function chunk(id: string, counts: number[], more: Partial<Candidate> = {}): Candidate {
  const base = { kind: 'document', subjectId: id, conversation: null, place: 0, length: 8, spoken: false, asks: false, similarity: null };
  return { id, counts, ...base, ...more };
}
const turn = (place: number, counts: number[], more: Partial<Candidate> = {}) =>
  chunk(`t${place}`, counts, { kind: 'message', conversation: 'c', place, ...more });
const order = (candidates: Candidate[], asked = question) => rank(candidates, asked).map(({ candidate }) => candidate.id);

describe('rank', () => {
  it('keeps the order of BM25 where nothing else is known', () => {
    expect(order([chunk('a', [0, 1, 0]), chunk('b', [1, 1, 0]), chunk('c', [1, 0, 0], { length: 40 })], none)).toEqual(['b', 'a', 'c']);
  });

  it('gives the credit of a window to its centre', () => {
    const turns = [turn(1, [1, 0, 0]), turn(2, [0, 0, 0]), turn(3, [0, 1, 1]), turn(20, [0, 0, 1]), turn(21, [0, 0, 0])];

    expect(order(turns, none).indexOf('t2')).toBeLessThan(order(turns, none).indexOf('t20'));
  });

  it('prefers who is named, and answers to questions', () => {
    const alike = [turn(1, [1, 1, 0], { asks: true }), turn(50, [1, 1, 0]), turn(99, [1, 1, 0], { spoken: true })].map((one) => ({
      ...one,
      conversation: one.id,
    }));

    expect(order(alike)).toEqual(['t99', 't50', 't1']);
  });

  it('adds meaning with the weight of the embedder', () => {
    const units = [
      chunk('a', [1, 0, 0], { similarity: 0.1 }),
      chunk('b', [0, 1, 1], { similarity: 0.9 }),
      chunk('c', [0, 0, 1], { similarity: 0.2 }),
    ];

    expect(order(units, none)[0]).toBe('a');
    expect(order(units, { ...question, meaningWeight: 2 })[0]).toBe('b');
  });

  it('shows what holds no word only when it is near enough, and neighbours only of questions', () => {
    const far = chunk('far', [0, 0, 0], { similarity: 0.4 });
    const near = chunk('near', [0, 0, 0], { similarity: 0.7 });
    const beside = [turn(1, [1, 0, 0]), turn(2, [0, 0, 0])];

    expect(order([far, near])).toEqual(['near']);
    expect(order(beside, none).sort()).toEqual(['t1', 't2']);
    expect(
      order(
        beside.map((one) => ({ ...one, counts: one.counts.slice(0, 1) })),
        { ...none, idfs: [2] },
      ),
    ).toEqual(['t1']);
  });

  it('scores above 0, and each subject once when asked to', () => {
    const ranked = rank([chunk('a', [1, 0, 0], { subjectId: 's' }), chunk('b', [1, 1, 0], { subjectId: 's' })], question);

    expect(ranked.every(({ score }) => score > 0)).toBe(true);
    expect(onceEach(ranked).map(({ candidate }) => candidate.id)).toEqual(['b']);
    expect(rank([], question)).toEqual([]);
  });
});
