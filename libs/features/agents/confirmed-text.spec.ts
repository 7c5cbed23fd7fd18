import { setTimeout as pause } from 'node:timers/promises';
import { ConfirmedText, TextGone } from './confirmed-text.js';

/** Longer than a text counts as one's own without a word. Milliseconds. */
const SILENCE_MS = 2_100;

function newText(isOurs: boolean) {
  const shown: [number, string][] = [];
  const confirmed: string[] = [];
  const text = new ConfirmedText(
    (offset, piece) => shown.push([offset, piece]),
    async (whole) => {
      await pause(50);
      confirmed.push(whole);
      return isOurs;
    },
  );
  return { text, shown, confirmed };
}

describe('a text that is confirmed', () => {
  it('is shown piece by piece, after a silence once it is known to be still ours', async () => {
    const { text, shown, confirmed } = newText(true);
    text.add('One ');
    await pause(SILENCE_MS);
    text.add('two ');
    text.add('three');
    const before = [...shown];
    await text.settle();

    expect(before).toEqual([[0, 'One ']]);
    expect(shown).toEqual([
      [0, 'One '],
      [4, 'two three'],
    ]);
    expect(confirmed).toEqual(['One two ']);
    expect(text.text).toBe('One two three');
  });

  it('is not shown any more, and ends, when it is somebody else’s after the silence', async () => {
    const { text, shown } = newText(false);
    text.add('One ');
    await pause(SILENCE_MS);
    text.add('two ');
    await text.settle();

    expect(shown).toEqual([[0, 'One ']]);
    expect(() => text.add('three')).toThrow(TextGone);
  });
});
