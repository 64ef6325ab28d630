import { formatCount } from '#kernel';
import { stripVTControlCharacters } from 'node:util';

/** How many columns a text takes; escape sequences take none. */
export const columnsOf = (text: string): number => Array.from(stripVTControlCharacters(text)).length;

/** The text, filled with spaces up to `width` columns. */
export const pad = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - columnsOf(text)));

/** The text, filled with spaces on the left up to `width` columns. */
export const padLeft = (text: string, width: number): string => ' '.repeat(Math.max(0, width - columnsOf(text))) + text;

/** The text cut to `width` columns, with an ellipsis where something is missing. For text without escape sequences. */
export function cut(text: string, width: number): string {
  const characters = Array.from(text);
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - 1)).join('')}…`;
}

/** A style sequence, or one character. */
const parts = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m|[^]`, 'gu');

/** The text cut to `width` columns; escape sequences take none and are all kept, so that a style that began also ends. */
export function fit(text: string, width: number): string {
  if (columnsOf(text) <= width) return text;
  let left = Math.max(0, width - 1);
  let done = false;
  return text.replaceAll(parts, (part) => {
    if (columnsOf(part) === 0) return part;
    if (left > 0) {
      left -= 1;
      return part;
    }
    const first = !done;
    done = true;
    return first ? '…' : '';
  });
}

/** Text in lines of at most so many columns, broken between words, later lines behind the indent; a word that is longer than a line is broken itself. */
export function wrapped(text: string, width: number, indent = ''): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(' ').flatMap((each) => pieces(each, width - indent.length))) {
    const last = lines.at(-1);
    if (last !== undefined && columnsOf(last) + 1 + columnsOf(word) <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(last === undefined ? word : indent + word);
  }
  return lines;
}

const pieces = (word: string, width: number): readonly string[] =>
  columnsOf(word) <= width ? [word] : (word.match(new RegExp(`.{1,${Math.max(1, width)}}`, 'gu')) ?? []);

/** Rows as aligned columns, two spaces apart; the last column is not filled. */
export function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths: number[] = [];
  for (const row of rows) for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, columnsOf(cell));
  return rows.map((row) =>
    row
      .map((cell, at) => (at === row.length - 1 ? cell : pad(cell, widths[at] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

/** `1 job`, `14 jobs`. */
export const count = (n: number, noun: string): string => `${formatCount(n)} ${noun}${n === 1 ? '' : 's'}`;
