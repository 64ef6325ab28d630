import { canonicalJson, didYouMean, err, ok, type Result, SluiceError } from '#kernel';
import { CanonicalText, EntryProblem } from './canonical-text.ts';
import type { Entry, EntryType, PendingEntry } from './entry.ts';
import { type Field, object } from './entry-fields.ts';
import { grammar, headFields } from './entry-grammar.ts';

/** The most bytes an entry may have: its length is two bytes in an entry bundle. Reports stay in the run directory, the entry holds digests. */
export const MAX_ENTRY_BYTES = 65_535;

/** Every entry type there is. */
export const entryTypes: readonly EntryType[] = Object.keys(grammar).filter(isEntryType);

/** Readers by the last members of the text, `,"type":"…","v":1}`: they decide how the rest is read. */
const readers: ReadonlyMap<string, Field<Entry>> = new Map(
  entryTypes.flatMap((type) =>
    Object.entries(grammar[type].versions).map(([v, body]) => [`,"type":"${type}","v":${v}}`, entryReader(type, v, body)] as const),
  ),
);

const encoder = new TextEncoder();

/** The canonical bytes of an entry at its index, refused when any member is not what its type says or the whole is too long. */
export function encodeEntry(pending: PendingEntry, seq: number): Result<Uint8Array, SluiceError> {
  let text: string;
  try {
    text = canonicalJson({ ...pending, seq });
  } catch (cause) {
    return err(
      new SluiceError('usage', `ledger entry of type ${pending.type}: ${cause instanceof Error ? cause.message : 'no canonical form'}`),
    );
  }
  const read = parseEntry(text);
  if (!read.ok) return read;
  // Canonical entries are plain ASCII, so characters are bytes.
  if (text.length > MAX_ENTRY_BYTES) {
    const fact = `ledger entry of type ${pending.type} has ${text.length} bytes, ${MAX_ENTRY_BYTES} allowed`;
    return err(new SluiceError('usage', fact, { hint: 'keep the report in the run directory and record its digest' }));
  }
  return ok(encoder.encode(text));
}

/** Checks an entry where it is written, before its index is known: what the transaction of a state change calls. */
export function checkEntry(pending: PendingEntry): Result<PendingEntry, SluiceError> {
  // The widest index: an entry that fits now fits at any place.
  const encoded = encodeEntry(pending, Number.MAX_SAFE_INTEGER);
  return encoded.ok ? ok(pending) : encoded;
}

/** Reads an entry from its canonical text. Anything but the one canonical spelling of a known type and version is refused. */
export function parseEntry(text: string): Result<Entry, SluiceError> {
  const tail = tailOf(text);
  const reader = readers.get(tail);
  if (reader === undefined) return err(unknownKind(tail));
  try {
    const input = new CanonicalText(text);
    const entry = reader(input);
    input.end();
    return ok(entry);
  } catch (thrown) {
    if (!(thrown instanceof EntryProblem)) throw thrown;
    return err(new SluiceError('usage', `ledger entry of type ${kindOf(tail)?.type ?? 'unknown'}: ${thrown.message}`));
  }
}

/** True when a text is an entry of a type or version that this program does not know: newer, not altered. */
export function isUnknownKind(text: string): boolean {
  const tail = tailOf(text);
  return kindOf(tail) !== undefined && !readers.has(tail);
}

function tailOf(text: string): string {
  const at = text.lastIndexOf(',"type":"');
  return at === -1 ? '' : text.slice(at);
}

function kindOf(tail: string): { readonly type: string; readonly v: string } | undefined {
  const [, type, v] = /^,"type":"([a-z.-]{1,64})","v":([0-9]{1,9})\}$/.exec(tail) ?? [];
  return type === undefined || v === undefined ? undefined : { type, v };
}

function unknownKind(tail: string): SluiceError {
  const kind = kindOf(tail);
  if (kind === undefined) return new SluiceError('usage', 'ledger entry: not canonical JSON with a type and a version at its end');
  const { type, v } = kind;
  const hint = 'use the version of sluice that wrote it, or a newer one';
  if (!isEntryType(type))
    return new SluiceError('usage', `ledger entry: this program knows no type "${type}".${didYouMean(type, entryTypes)}`, { hint });
  const known = Object.keys(grammar[type].versions).map((version) => `v${version}`);
  return new SluiceError('usage', `ledger entry of type ${type}: version ${v} is unknown, this program reads ${known.join(', ')}`, {
    hint,
  });
}

function isEntryType(type: string): type is EntryType {
  return Object.hasOwn(grammar, type);
}

function entryReader(type: EntryType, v: string, body: Field<unknown>): Field<Entry> {
  const exactly =
    <T>(spelling: string, value: T): Field<T> =>
    (input) => {
      input.expect(spelling);
      return value;
    };
  const read = object<Record<string, unknown>>({
    ...headFields,
    subject: headFields.subject(grammar[type].subject),
    body,
    type: exactly(`"${type}"`, type),
    v: exactly(v, Number(v)),
  });
  return (input) => read(input) as Entry;
}
