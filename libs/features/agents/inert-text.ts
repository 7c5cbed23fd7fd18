/**
 * Where a space makes text inert: within `](` and `]:` (links, images, their definitions), `<a` (HTML, autolinks), `://x` and `www.x` (bare
 * addresses), and before the `;` of a character reference, which could spell any of these. Nothing looks ahead further than one character.
 */
const LIVE =
  /(?<=\])(?=[(:])|(?<=<)(?=[a-z/!?])|(?<=:\\?\/\\?\/)(?=\S)|(?<=www\\?\.)(?=\S)|(?<=&(?:#\d{1,8}|#x[\da-f]{1,8}|[a-z][\da-z]{1,40}))(?=;)/giu;
/** How far back the marks above reach. UTF-16 code units. */
const REACH = 48;

/**
 * Text as no reader of Markdown makes a link, an image or HTML of it: what a model or a document says is shown, never fetched or followed.
 * Of a text that comes in pieces, `before` is what was answered for the pieces before this one. Inert text stays as it is.
 */
export function inertText(text: string, before = ''): string {
  const behind = before.slice(-REACH);
  return (behind + text).replace(LIVE, (_, at: number) => (at < behind.length ? '' : ' ')).slice(behind.length);
}
