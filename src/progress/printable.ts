/** Texts of others on a terminal: what somebody typed, wrote into a file or a tag, or what a container logged. */

/** What can move the cursor, hide text, or turn its direction. */
// oxlint-disable-next-line no-control-regex
const UNPRINTABLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** The text with control characters as `\x1b`; ends of lines and tabs stay. */
export function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, (character) => {
    const code = character.charCodeAt(0);
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
  });
}

/** Characters of a line beyond which nobody reads on. */
const LONG = 1_000;

/** Each line of the text with its middle left out where it is too long to be read. */
export function readable(text: string): string {
  return text.replaceAll(/.+/g, (line) => (line.length > LONG ? `${line.slice(0, LONG / 2)} … ${line.slice(-LONG / 4)}` : line));
}
