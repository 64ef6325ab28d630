import { formatCount } from './count.ts';

/** How many characters of a text are shown where nobody says otherwise. */
export const shownCharacters = 500;

/**
 * Untrusted text as one line that shows everything in it: a character that has no shape of its own, moves the cursor, changes the order of
 * others or passes for another one is written as `\u{1b}`. What is longer than `limit` characters ends in `… and 12 more characters`.
 * Text that is visible already comes back as it is, so that it may pass here twice. For people to read; nothing reads it back.
 */
export function visibleText(text: string, limit: number = shownCharacters): string {
  if (text.length <= limit) return isPlain.test(text) ? text : shown(text);
  const [head, rest] = split(text, limit);
  return rest === 0 ? shown(head) : `${shown(head)}… and ${formatCount(rest)} more character${rest === 1 ? '' : 's'}`;
}

/** Untrusted text of many lines, such as the output of a program: each line visible, tabs as spaces, colours dropped. Bounded as a whole and by line. */
export function visibleLines(text: string, bounds: { readonly lines?: number; readonly characters?: number } = {}): readonly string[] {
  const lines = text.replace(/(?:\r\n|\r|\n)$/, '').split(/\r\n|\r|\n/);
  const most = bounds.lines ?? lines.length;
  const visible = lines.slice(0, most).map((line) => visibleText(line.replaceAll(style, '').replaceAll('\t', '    '), bounds.characters));
  const rest = lines.length - visible.length;
  return rest === 0 ? visible : [...visible, `… and ${formatCount(rest)} more line${rest === 1 ? '' : 's'}`];
}

/** Printable ASCII: nearly every text there is, and nothing to do. */
const isPlain = /^[\x20-\x7e]*$/;

/** A sequence that sets colour or weight and moves nothing. */
const style = new RegExp(`${String.fromCharCode(27)}\\[[0-9;:]*m`, 'g');

/** The first characters of a text, and how many follow; a character is never cut in two. */
function split(text: string, limit: number): readonly [string, number] {
  let at = 0;
  for (let n = 0; n < limit && at < text.length; n += 1) at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
  let rest = 0;
  for (let from = at; from < text.length; rest += 1) from += (text.codePointAt(from) ?? 0) > 0xffff ? 2 : 1;
  return [text.slice(0, at), rest];
}

/** In this order: each step leaves text in which the steps before it find nothing. */
const shown = (text: string): string =>
  text
    .replaceAll(unseen, escape)
    .replaceAll(disguised, (character) =>
      /^[A-Za-z0-9]$/.test(character.normalize('NFKC')) || digit.test(character) ? escape(character) : character,
    )
    .replaceAll(marked, withoutFlood)
    .replaceAll(words, suspectsMarked);

const escape = (character: string): string => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
const escapeAll = (characters: string): string => Array.from(characters, escape).join('');

/**
 * What a reader does not see, or not for what it is, wherever it stands: control, format, private and unassigned characters and lone
 * surrogates (`\p{C}`), line and paragraph separators, spaces other than the space, what may be ignored when shown, the blank of Braille,
 * and letters of scripts that are written from right to left, because they turn round the numbers and arrows beside them.
 */
const unseen =
  /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]|(?! )\p{Zs}/gu;

/** Digits other than ours, and what may be another form of a letter or digit of ASCII: full-width, mathematical, circled. */
const disguised = /(?!\p{ASCII})[\p{Nd}\p{Nl}\p{L}\p{So}\p{Sm}]/gu;
const digit = /[\p{Nd}\p{Nl}]/u;

/** Combining marks with what they stand on. */
const marked = /(\P{M}?)(\p{M}+)/gu;

/** Marks are shown on a letter only, each once and at most three: more climb over other lines, and on a digit they strike it through. */
function withoutFlood(_: string, base: string, run: string): string {
  const marks = Array.from(run);
  const again = marks.findIndex((mark, at) => at >= 3 || marks.indexOf(mark) < at);
  const kept = /\p{L}/u.test(base) ? marks.slice(0, again === -1 ? marks.length : again) : [];
  return base + kept.join('') + escapeAll(marks.slice(kept.length).join(''));
}

/** A word, as far as scripts must not be mixed in it. */
const words = /[\p{L}\p{M}\p{N}_]+/gu;

/**
 * Marks the letters of a word that pass for others. The rule is the "highly restrictive" level of UTS 39 (section 5.2), made small: a word
 * is of one script, or of Latin with those that Japanese, Chinese or Korean is written in; only scripts in everyday use (UAX 31, table 5),
 * and of Latin only the letters of living alphabets. In a word that mixes, every letter outside of ASCII is suspect; so is a whole word of
 * Cyrillic or Greek letters that all look like Latin ones. The data are those of the Unicode version of Node.
 */
function suspectsMarked(word: string, at: number, text: string): string {
  if (isPlain.test(word)) return word;
  const letters = word.match(/\p{L}/gu) ?? [];
  const mixed = !together.some((script) => letters.every((letter) => script.test(letter)));
  const imitation = letters.every((letter) => latinAlike.includes(letter)) && (letters.length > 1 || isGlued(text, at, word.length));
  return mixed || imitation ? word.replaceAll(/(?!\p{ASCII})\p{L}\p{M}*/gu, escapeAll) : word;
}

const latin = /[A-Za-z\u00aa\u00b5\u00ba\u00c0-\u01bf\u01c4-\u024f\u1e00-\u1eff]/u;

const everyday: readonly RegExp[] = [
  latin,
  ...(
    'Armenian Bengali Bopomofo Cyrillic Devanagari Ethiopic Georgian Greek Gujarati Gurmukhi Hangul Han Hiragana Kannada Katakana ' +
    'Khmer Lao Malayalam Myanmar Oriya Sinhala Tamil Telugu Thai Tibetan'
  )
    .split(' ')
    .map((script) => new RegExp(`\\p{Script_Extensions=${script}}`, 'u')),
];

/** Scripts that may stand in one word. */
const together: readonly RegExp[] = [
  ...everyday,
  ...[
    ['Han', 'Hiragana', 'Katakana'],
    ['Han', 'Bopomofo'],
    ['Han', 'Hangul'],
  ].map((scripts) => new RegExp(`${latin.source}|[${scripts.map((script) => `\\p{Script_Extensions=${script}}`).join('')}]`, 'u')),
];

/** Cyrillic and Greek letters that look like a Latin one in common fonts. */
const latinAlike = 'АВЕЅІЈКМНОРСТУХҮԌԚԜаеѕіјорсухһԁԛԝүӏӀΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹϳανορυιϲ';

/** Whether a word stands against something other than white space, as parts of names, addresses and paths do. */
const isGlued = (text: string, at: number, length: number): boolean =>
  /[^\s]/.test(text.slice(Math.max(0, at - 1), at)) || /[^\s]/.test(text.slice(at + length, at + length + 1));
