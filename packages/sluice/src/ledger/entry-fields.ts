import { mostAxes, nameForms, type Digest } from '#kernel';
import type { CanonicalText } from './canonical-text.ts';

/** Reads one value from canonical text. */
export type Field<T> = (text: CanonicalText) => T;

type Shape<T> = { readonly [K in keyof T]-?: Field<T[K]> };

/** An object with exactly these members. */
export function object<T extends object>(shape: Shape<T>): Field<T> {
  const members = Object.entries<Field<unknown>>(shape)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, read], at) => ({ name, read, opening: `${at === 0 ? '{' : ','}"${name}":` }));
  return (text) => {
    const value: Record<string, unknown> = {};
    for (const { name, read, opening } of members) {
      text.expect(opening);
      value[name] = read(text);
    }
    text.expect('}');
    return value as T;
  };
}

/** A list of at most `most` items: an entry is a record, not a report. */
export function list<T>(item: Field<T>, most: number): Field<readonly T[]> {
  return (text) => {
    text.expect('[');
    const items: T[] = [];
    if (text.skip(']')) return items;
    do {
      if (items.length === most) text.fail(`expected at most ${most} items`);
      items.push(item(text));
    } while (text.skip(','));
    text.expect(']');
    return items;
  };
}

/** A value or `null`: absence is said, never implied. */
export const orNull =
  <T>(field: Field<T>): Field<T | null> =>
  (text) =>
    text.skip('null') ? null : field(text);

/** A string that matches a pattern of plain ASCII without quotes or escapes. */
export function text<T extends string = string>(pattern: RegExp, what: string): Field<T> {
  const quoted = new RegExp(`"${pattern.source}"`, 'y');
  return (input) => input.takeQuoted(quoted, what) as T;
}

/** One of a closed set of words of letters and hyphens. */
export function oneOf<const T extends string>(...words: readonly T[]): Field<T> {
  return text<T>(new RegExp(`(?:${words.join('|')})`), `one of ${words.join(', ')}`);
}

const integerPattern = /0|[1-9][0-9]{0,15}/y;

/** A whole number from `least` to `most`. */
export function integer(least: number, most: number): Field<number> {
  return (input) => {
    const value = Number(input.take(integerPattern, 'a whole number'));
    if (value < least || value > most) input.fail(`expected a whole number from ${least} to ${most}`);
    return value;
  };
}

/** A count, zero or more. */
export const count = integer(0, Number.MAX_SAFE_INTEGER);
/** A weight in basis points. */
export const weight = integer(0, 10_000);
/** True or false. */
export const truth: Field<boolean> = (input) => (input.skip('true') ? true : (input.expect('false'), false));
/** A digest, `sha256:…`. */
export const digest = text<Digest>(/sha256:[0-9a-f]{64}/, 'a digest');
/** A git commit id. */
export const commitId = text(/[0-9a-f]{40}(?:[0-9a-f]{24})?/, 'a commit id');
/** The random reference of a person. */
export const personRef = text(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/, 'the random reference of a person (a UUID)');
/** An identifier that the engine made: ULID, UUID or a short word with digits. */
export const id = text(/[0-9A-Za-z][0-9A-Za-z_-]{0,63}/, 'an identifier');
/** A name from the definition: a service, an environment, a gate. It has no space, dot or `@`, so no e-mail address and no full name fits in. */
export const name = text(/[A-Za-z0-9][A-Za-z0-9_/-]{0,63}/, 'a name of letters, digits, "-", "_" and "/"');
const cell = `${nameForms.axis}=${nameForms.axisValue}`;

/** The name of a planned job, with its matrix cell: `unit (node=24)`. */
export const jobName = text(
  new RegExp(`[A-Za-z0-9][A-Za-z0-9_/-]{0,63}(?: \\(${cell}(?:, ${cell}){0,${mostAxes - 1}}\\))?`),
  'the name of a job',
);
/** A semantic version, with or without a leading `v`. */
export const version = text(new RegExp(nameForms.version), 'a semantic version');
/** RFC 3339 in UTC with microseconds. */
export const time = text(/[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z/, 'a UTC time with microseconds');
/** Base64 of an Ed25519 signature. */
export const signature = text(/[A-Za-z0-9+/]{86}==/, 'a signature');
/** Base64 of an Ed25519 public key. */
export const publicKey = text(/[A-Za-z0-9+/]{43}=/, 'a public key');
/** The key id of a log key: eight hexadecimal digits. */
export const logKeyId = text(/[0-9a-f]{8}/, 'a key id');

const factName = text(/[a-z][A-Za-z0-9]{0,31}/, 'the name of a fact');

/** Named numbers and words. Numbers are whole: the unit is in the name (`p99Us`, `limitBp`). */
export const facts: Field<Readonly<Record<string, number | string>>> = (input) => {
  const found: Record<string, number | string> = {};
  input.expect('{');
  if (input.skip('}')) return found;
  let last = '';
  do {
    const key = factName(input);
    if (key <= last) input.fail('expected the names of facts in ascending order');
    last = key;
    input.expect(':');
    found[key] = input.text.startsWith('"', input.position) ? name(input) : count(input);
  } while (input.skip(','));
  input.expect('}');
  return found;
};
