import { inspect } from 'node:util';
import { Secret } from './secret.js';

describe('Secret', () => {
  it('shows nothing of its value to logs, JSON or templates', () => {
    const secret = new Secret('sk-very-private');

    const shown = [
      `${secret}`,
      String(secret),
      JSON.stringify({ secret }),
      inspect({ secret }, { showHidden: true, depth: 9 }),
      inspect(secret),
    ];

    expect(shown.join(' ')).not.toContain('very-private');
    expect(shown.every((text) => text.includes('[secret]'))).toBe(true);
    expect(Object.keys(secret)).toEqual([]);
    expect(secret.reveal()).toBe('sk-very-private');
  });
});
