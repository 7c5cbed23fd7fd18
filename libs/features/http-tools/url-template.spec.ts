import { filledUrl, hasDots, placeholdersOf } from './url-template.js';

const at = (template: string, args: Record<string, string | number | boolean>) => filledUrl(`https://s.example${template}`, args);

describe('a URL template', () => {
  it('tells which arguments stand where', () => {
    expect(placeholdersOf('https://s.example/{a}/{b}.log?c={c}&d=?{a}')).toEqual({ path: ['a', 'b'], query: ['c', 'a'] });
    expect(placeholdersOf('https://s.example')).toEqual({ path: [], query: [] });
  });

  it('takes values as they are, encoded, and never a placeholder out of one', () => {
    expect(at('/{a}/{b}.log', { a: '{b}', b: 7 })).toBe('https://s.example/%7Bb%7D/7.log');
    expect(at('/x?q={a}&on={b}', { a: '&b=1#/?', b: true })).toBe('https://s.example/x?q=%26b%3D1%23%2F%3F&on=true');
  });

  it('leaves out parameters whose argument is not given', () => {
    expect(at('/x?q={a}&fixed=1', {})).toBe('https://s.example/x?fixed=1');
    expect(at('/x?q={toString}', {})).toBe('https://s.example/x');
    expect(at('/x?q={a}', { a: '' })).toBe('https://s.example/x?q=');
  });

  it.each(['', '.', '..', '%2E%2e', 'a/../b', '..\\a', 'a\n', '\ud800'])('refuses %j in the path', (a) => {
    expect(() => at('/x/{a}', { a })).toThrow('The argument a must not');
  });

  it('knows steps in a path, and only there', () => {
    expect(['/a/../b', '/a/.%2e', '/./'].map(hasDots)).toEqual([true, true, true]);
    expect(['/a..b/...', '/a?b=/../'].map(hasDots)).toEqual([false, false]);
  });
});
