import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import iconv from 'iconv-lite';
import { PDFDocument } from 'pdf-lib';
import type { Extraction } from './extraction.js';
import { extractText } from './extract-text.js';
import { sandboxDescription } from './sandbox.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'atrium-extract-spec-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function extract(content: string | Uint8Array, fileName: string, claimedMediaType: string | null = null): Promise<Extraction> {
  const path = join(folder, crypto.randomUUID());
  await writeFile(path, content);
  return extractText({ path, fileName, claimedMediaType });
}

describe('extractText of text files', () => {
  it('normalizes line ends, spaces, blank lines, byte order marks and control characters', async () => {
    const { text, mediaType } = await extract('\ufeffOne  \r\nTwo\r\rThree\0\n\n\n\n\tFour \u2028e\u0301nd\n\n', 'a.txt');

    expect(mediaType).toBe('text/plain');
    expect(text).toBe('One\nTwo\n\nThree\n\n\tFour\nénd');
  });

  it.each(['utf-16le', 'utf-16be', 'utf-8', 'latin1', 'windows-1252'])('reads %s', async (encoding) => {
    const text = 'Die Prüfung der Größe ergab: très bien, señor. Übermäßig schöne Äpfel für alle.';

    expect((await extract(iconv.encode(text, encoding), 'a.txt')).text).toBe(text);
    expect((await extract(iconv.encode(text, encoding, { addBOM: true }), 'a.txt')).text).toBe(text);
  });

  it('reads Shift-JIS', async () => {
    const text = '会社の就業規則です。年次有給休暇は二十七日とします。勤務時間は午前九時から午後五時までです。';

    expect((await extract(iconv.encode(text, 'shift_jis'), 'kisoku.txt')).text).toBe(text);
  });

  it('finds the headings of Markdown and leaves its source alone', async () => {
    const source = '# Guide\n\nIntro\n\nSet up\n------\n\n```sh\n# no heading\n```\n\n## `Run` **it** #\n\ntext';
    const { text, headings, mediaType } = await extract(source, 'guide.md', 'text/plain');

    expect(mediaType).toBe('text/markdown');
    expect(text).toBe(source);
    expect(headings).toEqual([
      { level: 1, title: 'Guide', start: 0 },
      { level: 2, title: 'Set up', start: source.indexOf('Set up') },
      { level: 2, title: 'Run it', start: source.indexOf('## `Run') },
    ]);
  });

  it('reads what a person sees of an HTML page', async () => {
    const page = `<!doctype html><html><head><title>T</title><style>p{}</style></head><body><nav>Menu</nav><main>
      <h1>Leave <em>policy</em></h1><p>Everyone has
      <b>27</b> days.</p><ul><li>one</li><li>two<ol><li>deep</li></ol></li></ul>
      <table><thead><tr><th>Level</th><th>Time</th></tr></thead><tr><td><p>P1</p></td><td>15 <i>minutes</i><br>always</td></tr></table>
      <pre>a\n  b</pre><p hidden>secret</p></main><script>alert(1)</script></body></html>`;
    const { text, headings } = await extract(page, 'page.html');

    expect(text).toBe('Leave policy\n\nEveryone has 27 days.\n\n- one\n- two\n  1. deep\n\nLevel | Time\nP1 | 15 minutes always\n\na\n  b');
    expect(headings).toEqual([{ level: 1, title: 'Leave policy', start: 0 }]);
  });
});

describe('extractText of files at fault', () => {
  it.each([
    ['an empty file', '', 'a.txt', null, 'empty'],
    ['blank text', ' \n\n ', 'a.txt', null, 'no_text'],
    ['a PDF that is said to be text', '%PDF-1.4\n%âãÏÓ\n1 0 obj', 'a', 'text/plain', 'mislabelled'],
    ['text that is said to be a PDF', 'hello there', 'a.pdf', null, 'mislabelled'],
    ['a damaged PDF', '%PDF-1.4\nnothing of use', 'a.pdf', 'application/pdf', 'corrupt'],
    ['a picture', Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'), 'a.png', 'image/png', 'unsupported'],
    ['a truncated zip', 'PK\x03\x04 and no more', 'a.docx', null, 'corrupt'],
    ['bytes without meaning', Buffer.from(Array.from({ length: 4096 }, (_, at) => (at * 7919) % 256)), 'a.pdf', null, 'corrupt'],
  ])('refuses %s', async (_, content, fileName, claimed, code) => {
    await expect(extract(content, fileName, claimed)).rejects.toMatchObject({ name: 'ExtractionFailed', code });
  });

  it('says of a PDF with empty pages that it holds no text', async () => {
    const blank = await PDFDocument.create();
    blank.addPage();

    await expect(extract(await blank.save(), 'blank.pdf')).rejects.toMatchObject({
      code: 'no_text',
      message: expect.stringMatching(/^The PDF holds no text: its pages are empty, or hold only pictures of text/),
    });
  });

  it('says at boot what confines the child', async () => {
    await expect(sandboxDescription()).resolves.toMatch(/^Files are parsed in a child process each, with .*wall-clock kill/);
  });
});
