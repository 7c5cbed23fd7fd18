/** One line without what no reader sees: control and format characters (hidden and turned-about text), lone surrogates, private use. */
export const oneLine = (text: string, maxChars: number): string =>
  cut(
    text
      .slice(0, 8 * maxChars)
      .replace(/[\p{C}\s]+/gu, ' ')
      .trim(),
    maxChars,
  );

/** The same of text in lines. */
export const cleanText = (text: string): string => text.replace(/[^\P{C}\n\t]/gu, '');

/** The beginning of a text, of whole characters. */
export const cut = (text: string, maxChars: number): string => text.slice(0, maxChars).replace(/[\ud800-\udbff]$/u, '');
