import { withoutHidden } from '@atrium/contracts';

/** The most UTF-16 code units of a stored file name; less than a title may have. */
const MAX_LENGTH = 240;

/** What a client called a file, as one line that can be shown and stored: NFC, no folders, nothing unseen, its extension kept. */
export function cleanFileName(given: string | undefined): string {
  const last = (given ?? '').normalize('NFC').split(/[\\/]/).at(-1) ?? '';
  const name = withoutHidden(last, ' ')
    .replace(/[\p{Cs}\s]+/gu, ' ')
    .trim();
  if (/^\.*$/.test(name)) return 'file';
  if (name.length <= MAX_LENGTH) return name;
  const extension = /\.[A-Za-z0-9]{1,10}$/.exec(name)?.[0] ?? '';
  let short = '';
  for (const character of name) {
    if (short.length + character.length > MAX_LENGTH - extension.length) break;
    short += character;
  }
  return short.trim() + extension;
}

/** `Content-Disposition` of a download (RFC 6266): plain ASCII for old clients, and the true name by RFC 5987. */
export function attachmentNamed(fileName: string): string {
  const ascii = fileName.replace(/[^\x20-\x7e]|["\\%]/g, '_');
  const encoded = encodeURIComponent(fileName).replace(/['()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}

/** `type/subtype` of a claimed media type without its parameters; null when it claims nothing. */
export function cleanMediaType(claimed: string | undefined): string | null {
  const essence = (claimed ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  return /^[\w!#$&^.+-]{1,100}\/[\w!#$&^.+-]{1,100}$/.test(essence) && essence !== 'application/octet-stream' ? essence : null;
}
