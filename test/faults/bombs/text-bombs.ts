import { createWriteStream } from 'node:fs';
import { once } from 'node:events';

/** Writes a piece many times without ever holding the whole. */
export async function writeRepeated(path: string, piece: string, times: number, head = ''): Promise<void> {
  const file = createWriteStream(path);
  file.write(head);
  const perBlock = Math.max(1, Math.floor(2 ** 20 / piece.length));
  const block = piece.repeat(perBlock);
  for (let written = 0; written < times; written += perBlock) {
    if (!file.write(times - written < perBlock ? piece.repeat(times - written) : block)) await once(file, 'drain');
  }
  file.end();
  await once(file, 'close');
}

const page = (body: string) => `<!doctype html><html><body>${body}</body></html>`;
export const deepHtml = () => page('<div>'.repeat(100_000));
export const deepInlineHtml = () => page('<b><a href=x>'.repeat(50_000));
export const tableSoupHtml = () => page('<table><tr><td>'.repeat(900));
export const manyAttributesHtml = () => page(`<p ${[...Array(300_000).keys()].map((at) => `a${at}=1`).join(' ')}>text</p>`);
export const entitiesHtml = () => page('&CounterClockwiseContourIntegral;'.repeat(500_000));
export const brackets = () => '['.repeat(100_000);
export const quotes = () => `${'>'.repeat(100_000)} text`;
export const emphasis = () => '*a **a '.repeat(100_000);
export const listNest = () => [...Array(2_000).keys()].map((at) => `${'  '.repeat(at)}- x`).join('\n');
export const headingsOnly = () => '# a\n'.repeat(2_000_000);
export const openLinks = () => `# ${'[a]('.repeat(200_000)}`;
export const spaces = () => `a${' '.repeat(30_000_000)}b`;
/** Combining marks in the order that costs normalization the most. */
export const combiningMarks = () => `a${'\u0301\u0323'.repeat(500_000)}`;
export const loneSurrogates = () =>
  Buffer.from(Uint16Array.from({ length: 1_000_000 }, (_, at) => (at === 0 ? 0xfeff : 0xd800 + (at % 2))).buffer);
