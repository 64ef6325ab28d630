/** A secret shorter than this would hide ordinary words; it is not masked, and that is reported. */
export const minimumSecretBytes = 6;

/** Key files, the longest secrets there are, have a few kilobytes. One that is longer is refused: hiding it would cost more than the run. */
export const longestSecretBytes = 64 * 1024;

/** From here on a secret is hidden piece by piece: so is every part of it that is printed alone. */
const longBytes = 256;
const pieceBytes = 64;
/** Pieces overlap, so that none begins or ends within a character of an encoding. */
const overlap = 8;

const encoder = new TextEncoder();

/** The texts in which a secret is looked for, as bytes: as it is, folded to one line, and in UTF-16. How they may be encoded is for the readings of the stream to know. */
export function secretForms(secret: string): readonly Uint8Array[] {
  const isLong = encoder.encode(secret).length >= longBytes;
  const all = isLong ? pieces(secret) : folded(secret).flatMap((text) => [encoder.encode(text), ...inUtf16(text)]);
  return all.filter((form) => form.length >= minimumSecretBytes);
}

/** What tools put in the place of a line break. */
const joins = ['\n', '\r\n', '\r', ' ', ''];

/** A value of several lines is also looked for on one line, and without the last line break, which tools drop or add. */
function folded(secret: string): readonly string[] {
  const trimmed = secret.replace(/[\r\n]+$/, '');
  const unix = trimmed.replaceAll(/\r\n?/g, '\n');
  const whole = [secret, trimmed, unix];
  if (!unix.includes('\n')) return [...new Set(whole)];
  return [...new Set([...whole, ...joins.map((join) => unix.replaceAll('\n', join))])];
}

/**
 * Pieces that together cover a long text however it is folded: its lines, and lines that are too short to be hidden alone together with their neighbours. A long line is cut up.
 */
function pieces(secret: string): readonly Uint8Array[] {
  const groups: string[][] = [];
  for (const line of secret.split(/\r\n?|\n/)) {
    const last = groups.at(-1);
    if (last === undefined || size(last) >= minimumPiece) groups.push([line]);
    else last.push(line);
  }
  const tail = groups.at(-1);
  if (groups.length > 1 && tail !== undefined && size(tail) < minimumPiece) groups.splice(-2, 2, [...(groups.at(-2) ?? []), ...tail]);
  return groups.flatMap(([first = '', ...more]) =>
    more.length === 0 ? windows(first) : joins.flatMap((join) => windows([first, ...more].join(join))),
  );
}

const size = (lines: readonly string[]): number => lines.reduce((sum, line) => sum + line.length, 0);

function windows(line: string): readonly Uint8Array[] {
  const bytes = encoder.encode(line);
  if (bytes.length <= 2 * pieceBytes) return [bytes];
  const found: Uint8Array[] = [];
  for (let to = pieceBytes; ; to += pieceBytes - overlap) {
    const end = Math.min(to, bytes.length);
    found.push(bytes.subarray(end - pieceBytes, end));
    if (end === bytes.length) return found;
  }
}

/** Shorter pieces would hide ordinary words. */
const minimumPiece = 16;

function inUtf16(text: string): readonly Uint8Array[] {
  const little = new Uint8Array(text.length * 2);
  const big = new Uint8Array(text.length * 2);
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    little.set([unit & 255, unit >> 8], at * 2);
    big.set([unit >> 8, unit & 255], at * 2);
  }
  return [little, big];
}
