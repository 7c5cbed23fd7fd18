import { RunSaid } from './run-said.js';

/** What a reader has who was told of these texts of steps, one after the other. */
function told(...texts: [step: number, text: string][]): string {
  const said = new RunSaid();
  return texts.map(([step, text]) => said.more(step, text)).join('');
}

describe('what was told of a run', () => {
  it('grows by what is new', () => {
    expect(told([1, 'He'], [1, 'Hello'], [1, 'Hello'], [1, 'Hello there'])).toBe('Hello there');
  });

  it('gives each step a paragraph, and none to a step without text', () => {
    expect(told([1, 'Let me look.'], [3, ''], [5, 'Nothing.'], [1, 'Let me look.'])).toBe('Let me look.\n\nNothing.');
  });

  it('repeats nothing when a step begins anew', () => {
    expect(told([1, 'Hello wo'], [1, 'He'], [1, 'Hello'], [1, 'Hello world'])).toBe('Hello world');
  });

  it('says what is said otherwise the second time as another paragraph, whole', () => {
    expect(told([1, 'Hello wo'], [1, 'H'], [1, 'Hi'], [1, 'Hi all'])).toBe('Hello wo\n\nHi all');
  });
});
