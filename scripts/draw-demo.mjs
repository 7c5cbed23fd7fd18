// NO_COLOR=1 npm run demo | node scripts/draw-demo.mjs > docs/demo.svg: the demo's own words as a picture.
import { text } from 'node:stream/consumers';

const COLUMNS = 112;
const LINE = 18;
const CHAR = 7.8;
const COLOURS = { plain: '#d5dae3', dim: '#8590a5', good: '#7fd49a', head: '#ffffff', name: '#8ab8ff' };

const said = await text(process.stdin);
const lines = said
  .slice(said.indexOf('Atrium: the main job'))
  .split('\n')
  .flatMap((line) => (line.length <= COLUMNS ? [line] : folded(line)));
while (lines.at(-1)?.trim() === '') lines.pop();

/** Breaks between words; what follows stands under the beginning of the text. */
function folded(line) {
  const indent = /^\s*(?:[✓-] |\w+\s{2,})?/.exec(line)[0].length;
  const pieces = [];
  let rest = line;
  while (rest.length > COLUMNS) {
    const at = Math.max(rest.lastIndexOf(' ', COLUMNS), indent + 1);
    pieces.push(rest.slice(0, at));
    rest = ' '.repeat(indent) + rest.slice(at).trimStart();
  }
  return [...pieces, rest];
}

const escaped = (part) => part.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
const span = (part, colour, more = '') => `<tspan fill="${COLOURS[colour]}"${more}>${escaped(part)}</tspan>`;

function drawn(line) {
  if (/^(\d+\. |Atrium: |Done: )/.test(line)) return span(line, 'head', ' font-weight="bold"');
  const [, tick, claim] = /^(\s*✓ )(.*)$/.exec(line) ?? [];
  if (tick) return span(tick, 'good') + span(claim, 'plain');
  const [, name, words] = /^(\s*(?:Olivia|Ben|Sam|Scout|assistant)\s{2,})(.*)$/.exec(line) ?? [];
  return name ? span(name, 'name') + span(words, 'plain') : span(line, 'dim');
}

const width = Math.ceil(COLUMNS * CHAR + 40);
const height = lines.length * LINE + 56;
const rows = lines.map((line, at) => `<text x="20" y="${48 + at * LINE}" xml:space="preserve">${drawn(line)}</text>`);
process.stdout
  .write(`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="Atrium's demo in a terminal">
<rect width="100%" height="100%" rx="8" fill="#171b26"/>
<g fill="#3a4256"><circle cx="20" cy="18" r="5"/><circle cx="38" cy="18" r="5"/><circle cx="56" cy="18" r="5"/></g>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="13">
${rows.join('\n')}
</g>
</svg>
`);
