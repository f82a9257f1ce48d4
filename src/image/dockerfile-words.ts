/** The lexical side of a Dockerfile: comments and continuation lines, quotes, and `$VARIABLES`. */

export interface Line {
  /** Of the instruction's first line, from 1. */
  readonly number: number;
  /** Upper case. */
  readonly keyword: string;
  readonly rest: string;
}

/** The instructions of a Dockerfile, without comments and with continued lines put together. */
export function readLines(text: string): Line[] {
  const lines: Line[] = [];
  let pending = '';
  let start = 0;
  for (const [index, raw] of text.replace(/^\uFEFF/, '').split(/\r?\n/).entries()) {
    // Comments and empty lines may stand between continued lines, too.
    if (/^\s*(#.*)?$/.test(raw)) continue;
    if (pending === '') start = index + 1;
    const continued = /^(.*)\\\s*$/.exec(raw)?.[1];
    pending += continued ?? raw;
    if (continued !== undefined) continue;
    lines.push(toLine(pending, start));
    pending = '';
  }
  return pending.trim() === '' ? lines : [...lines, toLine(pending, start)];
}

function toLine(text: string, number: number): Line {
  const [, keyword = '', rest = ''] = /^(\S+)\s*([\s\S]*)$/.exec(text.trim()) ?? [];
  return { number, keyword: keyword.toUpperCase(), rest };
}

/** Part of a word: with single quotes, with double quotes, or bare. A backslash outside single quotes takes the next character as it is. */
const PART = /'([^']*)'|"((?:\\.|[^"\\])*)"|((?:\\.|[^\s'"\\])+)/y;
const VARIABLE = /\\(.)|\$(?:\{(\w+)\}|(\w+))|\$\{[^}]*\}/g;

/** What stands for a variable. Throws what the reader of the Dockerfile shall see where there is nothing. */
export type Lookup = (name: string) => string;

/**
 * Splits into words as a Dockerfile's instructions do: blanks separate, quotes keep together and go away, variables are put in.
 * @throws SyntaxError where a quote is not closed
 */
export function splitWords(text: string, lookup: Lookup): string[] {
  const words: string[] = [];
  let position = 0;
  let word: string | undefined;
  while (position < text.length) {
    PART.lastIndex = position;
    const match = PART.exec(text);
    if (match) {
      const [part, single, double, bare] = match;
      word = (word ?? '') + (single ?? expand(double ?? bare ?? '', lookup));
      position += part.length;
    } else if (/\s/.test(text.charAt(position))) {
      if (word !== undefined) words.push(word);
      word = undefined;
      position += 1;
    } else {
      throw new SyntaxError(`a quote is not closed in: ${text}`);
    }
  }
  return word === undefined ? words : [...words, word];
}

function expand(text: string, lookup: Lookup): string {
  return text.replaceAll(VARIABLE, (all, escaped?: string, braced?: string, plain?: string) => {
    if (escaped !== undefined) return escaped;
    const name = braced ?? plain;
    if (name === undefined) throw new SyntaxError(`${all} is not supported: only $NAME and \${NAME} are`);
    return lookup(name);
  });
}
