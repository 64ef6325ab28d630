/** What JSON can say. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * RFC 8785 (JSON Canonicalization Scheme): members sorted by UTF-16 code units, no white space, ECMAScript number format.
 * Members that are `undefined` are left out, as `JSON.stringify` does. Throws on NaN, infinities, lone surrogates and anything that is not JSON,
 * because a digest over a silently altered value would be a lie.
 */
export function canonicalJson(value: unknown): string {
  return write(value, []);
}

/** Where the writer is: names of members and places in arrays. Only a refusal spells it out. */
type Trail = (string | number)[];

function write(value: unknown, trail: Trail): string {
  switch (typeof value) {
    case 'string':
      return quoted(value, trail);
    case 'number':
      if (!Number.isFinite(value)) throw refusal(trail, `${value} has no JSON form`);
      return JSON.stringify(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) return 'null';
      return Array.isArray(value) ? writeArray(value, trail) : writeObject(value, trail);
    default:
      throw refusal(trail, `${typeof value} has no JSON form`);
  }
}

function writeArray(items: readonly unknown[], trail: Trail): string {
  let text = '[';
  for (let at = 0; at < items.length; at += 1) {
    if (at > 0) text += ',';
    trail.push(at);
    text += write(items[at], trail);
    trail.pop();
  }
  return `${text}]`;
}

function writeObject(value: object, trail: Trail): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw refusal(trail, 'only plain objects have a canonical form');
  const members = value as Readonly<Record<string, unknown>>;
  let text = '{';
  for (const key of inOrder(Object.keys(members))) {
    const member = members[key];
    if (member === undefined) continue;
    if (text.length > 1) text += ',';
    trail.push(key);
    text += `${quoted(key, trail)}:${write(member, trail)}`;
    trail.pop();
  }
  return `${text}}`;
}

/** By UTF-16 code units, which is how JavaScript compares strings. What was read from canonical text is in order already. */
function inOrder(keys: readonly string[]): readonly string[] {
  for (let at = 1; at < keys.length; at += 1) if ((keys[at - 1] ?? '') > (keys[at] ?? '')) return keys.toSorted();
  return keys;
}

/** Printable ASCII without quote and backslash is its own JSON: nearly every string there is, and cheaper to recognise than to escape. */
const asItStands = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

function quoted(text: string, trail: Trail): string {
  if (asItStands.test(text)) return `"${text}"`;
  if (!text.isWellFormed()) throw refusal(trail, 'the string is not well-formed Unicode');
  return JSON.stringify(text);
}

function refusal(trail: Trail, fact: string): TypeError {
  return new TypeError(`$${trail.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('')}: ${fact}`);
}
