const TAB = 0x09;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** Vertical tab, form feed, NEL and the Unicode line and paragraph separators end a line as well. */
const endsLine = (unit: number) =>
  unit === LINE_FEED || unit === 0x0b || unit === 0x0c || unit === 0x85 || unit === 0x2028 || unit === 0x2029;

const isDropped = (unit: number) =>
  unit === 0xfeff || (unit < 0x20 && unit !== TAB) || (unit >= 0x7f && unit <= 0x9f) || unit === 0xfffe || unit === 0xffff;

const isSpace = (unit: number) =>
  unit === 0x20 ||
  unit === TAB ||
  unit === 0xa0 ||
  unit === 0x1680 ||
  (unit >= 0x2000 && unit <= 0x200a) ||
  unit === 0x202f ||
  unit === 0x205f ||
  unit === 0x3000;

/**
 * The one normalized form of a text; applying it twice changes nothing. One pass over code units into one buffer: hostile input (a line
 * of 20 million spaces, 10 million lines) costs neither quadratic time nor an object per line. Leading and trailing blank lines go.
 */
export function normalizeText(raw: string): string {
  const out = new Uint16Array(raw.length);
  let length = 0;
  let lineStart = 0;
  let lastVisible = 0;
  let blankLines = 0;

  const closeLine = () => {
    if (lastVisible <= lineStart) {
      length = lineStart;
      blankLines += 1;
      if (lineStart === 0 || blankLines > 1) return;
    } else {
      length = lastVisible;
      blankLines = 0;
    }
    out[length++] = LINE_FEED;
    lineStart = length;
    lastVisible = length;
  };

  for (let at = 0; at < raw.length; at++) {
    const unit = raw.charCodeAt(at);
    if (unit === CARRIAGE_RETURN) {
      if (raw.charCodeAt(at + 1) !== LINE_FEED) closeLine();
    } else if (endsLine(unit)) closeLine();
    else if (!isDropped(unit)) {
      out[length++] = unit;
      if (!isSpace(unit)) lastVisible = length;
    }
  }
  length = lastVisible > lineStart ? lastVisible : lineStart;
  while (length > 0 && out[length - 1] === LINE_FEED) length -= 1;
  return wellFormed(Buffer.from(out.buffer, 0, length * 2).toString('utf16le')).normalize('NFC');
}

/** A lone surrogate becomes U+FFFD. */
export function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd');
}
