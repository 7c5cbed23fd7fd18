import { attachmentNamed, cleanFileName, cleanMediaType } from './file-name.js';

describe('cleanFileName', () => {
  it.each([
    ['report.pdf', 'report.pdf'],
    ['../../etc/passwd', 'passwd'],
    ['C:\\Users\\ada\\plan.docx', 'plan.docx'],
    ['a\r\nSet-Cookie: x.txt', 'a Set-Cookie: x.txt'],
    ['invoice\u202efdp.exe', 'invoice fdp.exe'],
    ['nul\0l.txt', 'nul l.txt'],
    ['half \ud83d pair.txt', 'half pair.txt'],
    ['U\u0308bersicht.pdf', '\u00dcbersicht.pdf'],
    ['', 'file'],
    ['..', 'file'],
    ['folder/', 'file'],
    [undefined, 'file'],
  ])('makes of %j the name %j', (given, name) => {
    expect(cleanFileName(given)).toBe(name);
  });

  it('keeps the extension of a name that is too long, and splits no character', () => {
    const name = cleanFileName(`${'😀'.repeat(500)}.markdown`);

    expect(name).toMatch(/^(😀)+\.markdown$/u);
    expect(name.length).toBeLessThanOrEqual(240);
  });
});

describe('attachmentNamed', () => {
  it('gives old clients ASCII and new ones the true name, and lets no name out of its quotes', () => {
    expect(attachmentNamed('plan.pdf')).toBe(`attachment; filename="plan.pdf"; filename*=UTF-8''plan.pdf`);
    expect(attachmentNamed(`Ü"b'er(1)*.pdf`)).toBe(`attachment; filename="__b'er(1)*.pdf"; filename*=UTF-8''%C3%9C%22b%27er%281%29%2A.pdf`);
  });
});

describe('cleanMediaType', () => {
  it.each([
    ['text/plain; charset=utf-16', 'text/plain'],
    ['Application/PDF', 'application/pdf'],
    ['application/octet-stream', null],
    ['text/html\r\nx: y', null],
    ['nonsense', null],
    [undefined, null],
  ])('makes of %j the claim %j', (given, claim) => {
    expect(cleanMediaType(given)).toBe(claim);
  });
});
