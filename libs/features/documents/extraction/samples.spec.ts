import { join } from 'node:path';
import { fromMarkdown } from 'mdast-util-from-markdown';
import { chunksOf } from '../chunk/chunk-text.js';
import { extractText } from './extract-text.js';

const sample = (name: string) => ({
  path: join(process.cwd(), 'samples', name),
  fileName: name,
  claimedMediaType: 'application/octet-stream',
});

describe('the samples', () => {
  it('gives the handbook with its facts, chapters and ten pages', async () => {
    const extraction = await extractText(sample('northwind-handbook.pdf'));
    const { text, headings, pages, mediaType } = extraction;

    expect(mediaType).toBe('application/pdf');
    expect(pages.map((page) => page.number)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    for (const fact of [
      'Every full-time employee has 27 days of paid leave a year, on top of the public holidays at the place of work.',
      'up to 150 euros per purchase without asking',
      'have at least 14 characters',
      'the on-call engineer answers within 15 minutes, at any hour',
      'up to 30 working days a year',
      'The head of security is Tomasz Zielinski.',
    ]) {
      expect(text).toContain(fact);
    }
    expect(headings.filter((heading) => heading.level === 2).map((heading) => heading.title)).toEqual([
      '1. Working hours',
      '2. Holidays and leave',
      '3. Expenses',
      '4. Security policy',
      '5. Incident response',
      '6. Remote work',
      '7. Travel',
      '8. Equipment',
      '9. Onboarding',
      '10. Contacts',
    ]);
    for (const { title, start } of headings) expect(text.startsWith(title, start)).toBe(true);
    expect(text).not.toMatch(/page \d/);
    const leave = [...chunksOf(extraction)].find((chunk) => text.slice(chunk.start, chunk.end).includes('27 days'));
    expect(leave).toMatchObject({ page: 2, headingPath: ['Northwind Handbook', '2. Holidays and leave'] });
  });

  it('gives the agreement with a table row on a line', async () => {
    const { text, headings, pages } = await extractText(sample('service-level-agreement.docx'));

    expect(pages).toEqual([]);
    expect(text).toContain(
      '\nCritical | No readings arrive, or data is lost | 15 minutes | 30 minutes | 4 hours | 24 x 7\nHigh | A main function fails',
    );
    expect(text).toContain('\nWeather station, with lightning sensor | station | 27.00\n');
    expect(text).toContain('\n- grants access to the stations within one working day\n');
    expect(text).toContain('\n2. Head of operations, Henrike Maas, after two hours\n');
    expect(headings.map((heading) => `${heading.level} ${heading.title}`).slice(0, 3)).toEqual([
      '1 Service Level Agreement',
      '2 1. Availability',
      '2 2. Severity and response',
    ]);
    for (const { title, start } of headings) expect(text.startsWith(title, start)).toBe(true);
  });

  it('finds the same headings in the runbook as a full Markdown parser', async () => {
    const { text, headings } = await extractText(sample('engineering-runbook.md'));
    const withoutFrontMatter = text.replace(/^---\n[\s\S]*?\n---\n/, (front) => ' '.repeat(front.length - 1) + '\n');
    const reference = fromMarkdown(withoutFrontMatter).children.filter((node) => node.type === 'heading');

    expect(headings.map(({ level, start }) => ({ level, start }))).toEqual(
      reference.map((node) => ({ level: node.depth, start: node.position?.start.offset })),
    );
    expect(headings.length).toBeGreaterThan(50);
    expect(text).toContain('A rollback takes about 6 minutes');
  });
});
