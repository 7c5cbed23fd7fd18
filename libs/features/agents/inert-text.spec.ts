import { inertText } from './inert-text.js';

const LIVE = [
  '![x](https://evil.example/?d=1)',
  '[click](https://evil.example)',
  '![x][ref]\n\n[ref]: https://evil.example/x.png',
  '[ref]:https://evil.example',
  '<https://evil.example/?d=1>',
  '<img src=x onerror=alert(1)>',
  '</p><script>alert(1)</script>',
  '<!-- comment --><?php ?>',
  'see https://evil.example/a and HTTP://EVIL.example',
  'see www.evil.example or WWW.evil.example',
  'see https:\\/\\/evil.example and www\\.evil.example',
  'see https&colon;//evil.example, https&#58;//evil.example, https:&#x2F;/evil.example',
  '&lt;img src=x&gt;',
];
const MARKDOWN = /\](?:\(|:)|<[a-z/!?]|:\\?\/\\?\/\S|www\\?\.\S|&(?:#\d+|#x[\da-f]+|[a-z][\da-z]+);/i;

describe('inertText', () => {
  it.each(LIVE)('leaves nothing in %j that is followed, fetched or run', (text) => {
    expect(inertText(text)).not.toMatch(MARKDOWN);
    expect(inertText(text).replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
    expect(inertText(inertText(text))).toBe(inertText(text));
  });

  it.each(LIVE)('says the same of %j in pieces of any size', (text) => {
    for (const size of [1, 2, 3, 7]) {
      let said = '';
      for (let at = 0; at < text.length; at += size) said += inertText(text.slice(at, at + size), said);
      expect(said).toBe(inertText(text));
    }
  });

  it('leaves what is no link alone', () => {
    const text = '**Thirty** days [1] (Handbook), 1 < 2, AT&T; ratio 3:4 // see `a[0]` [2]. Write to ada@example.com';
    expect(inertText(text)).toBe(text);
  });
});
