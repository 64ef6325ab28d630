/** What a beginning of an escape stands for: bytes, nothing (it is none), or not known before more is read. */
type Reading = readonly number[] | 'none' | 'more';

/** A way of writing bytes in text: which byte may begin an escape, and what one stands for. */
export type Escapes = { readonly begins: Uint8Array; readonly read: (text: string) => Reading };

const utf8 = (text: string): readonly number[] => [...new TextEncoder().encode(text)];
const codePoint = (hex: string, base = 16): Reading => {
  const point = Number.parseInt(hex, base);
  return point > 0x10_ffff || (point >= 0xd800 && point <= 0xdfff) ? 'none' : utf8(String.fromCodePoint(point));
};

const letters: Readonly<Record<string, number>> = { a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13, e: 27 };
const names: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** Escapes of JSON, JavaScript, Python, Go, C and shells: `\u0041`, `\x41`, `\101`, `\n`, `\"`, `\/`, `\ `. */
export const backslashEscapes: Escapes = { begins: table('\\'), read: backslash };

/** Character references of XML and HTML: `&lt;`, `&#39;`, `&#x27;`. */
export const characterReferences: Escapes = { begins: table('&'), read: reference };

/** A quote within the quotes of a shell: `'\''`, `'"'"'`. */
export const quotedQuotes: Escapes = { begins: table("'"), read: quote };

function backslash(text: string): Reading {
  const kind = text[1];
  if (kind === undefined) return 'more';
  if (kind === 'u' || kind === 'U') return unicode(text);
  if (kind === 'x') return partial(text, /^\\x[0-9a-fA-F]{0,2}$/, 4, (digits) => [Number.parseInt(digits, 16)]);
  // An octal escape has three digits; one digit alone is a zero, or nothing we know.
  if (/[0-3]/.test(kind)) return partial(text, /^\\[0-3][0-7]{0,2}$/, 4, () => [Number.parseInt(text.slice(1), 8)]);
  return [letters[kind] ?? kind.charCodeAt(0)];
}

function unicode(text: string): Reading {
  if (text[1] === 'U') return partial(text, /^\\U[0-9a-fA-F]{0,8}$/, 10, (digits) => codePoint(digits));
  if (text[2] === '{') {
    const whole = /^\\u\{([0-9a-fA-F]{1,6})\}$/.exec(text)?.[1];
    return whole === undefined ? (/^\\u\{[0-9a-fA-F]{0,6}$/.test(text) ? 'more' : 'none') : codePoint(whole);
  }
  const [, high = '', low = ''] = /^\\u([0-9a-fA-F]{4})(?:\\u([0-9a-fA-F]{4}))?$/.exec(text) ?? [];
  if (high === '')
    return /^\\u[0-9a-fA-F]{0,3}$/.test(text)
      ? 'more'
      : /^\\u[dD][89abAB][0-9a-fA-F]{2}\\(?:u[0-9a-fA-F]{0,3})?$/.test(text)
        ? 'more'
        : 'none';
  if (!/^[dD][89abAB]/.test(high)) return codePoint(high);
  if (low === '') return 'more';
  const pair = String.fromCharCode(Number.parseInt(high, 16), Number.parseInt(low, 16));
  return pair.isWellFormed() ? utf8(pair) : 'none';
}

function reference(text: string): Reading {
  const name = /^&([a-z]{2,4});$/.exec(text)?.[1];
  if (name !== undefined) return names[name] === undefined ? 'none' : utf8(names[name]);
  const [, hex = '', decimal = ''] = /^&#(?:[xX]([0-9a-fA-F]{1,6})|([0-9]{1,7}));$/.exec(text) ?? [];
  if (hex !== '') return codePoint(hex);
  if (decimal !== '') return codePoint(decimal, 10);
  return /^&(?:[a-z]{0,4}|#[0-9]{0,7}|#[xX][0-9a-fA-F]{0,6})$/.test(text) ? 'more' : 'none';
}

function quote(text: string): Reading {
  const forms = ["'\\''", `'"'"'`];
  if (forms.includes(text)) return utf8("'");
  return forms.some((form) => form.startsWith(text)) ? 'more' : 'none';
}

/** Percent-encoding (RFC 3986). */
export const percentEscapes: Escapes = {
  begins: table('%'),
  read: (text) => partial(text, /^%[0-9a-fA-F]{0,2}$/, 3, (digits) => [Number.parseInt(digits, 16)]),
};

/** The same as forms write it, with a plus for a space. */
export const formEscapes: Escapes = {
  begins: table('%', '+'),
  read: (text) => (text === '+' ? utf8(' ') : percentEscapes.read(text)),
};

function partial(text: string, pattern: RegExp, length: number, value: (digits: string) => Reading): Reading {
  if (!pattern.test(text)) return 'none';
  return text.length < length ? 'more' : value(text.slice(text[0] === '%' ? 1 : 2));
}

function table(...characters: readonly string[]): Uint8Array {
  const begins = new Uint8Array(256);
  for (const character of characters) begins[character.charCodeAt(0)] = 1;
  return begins;
}
