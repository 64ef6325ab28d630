/**
 * The archive is a plain tar (ustar, with a pax header where a path is longer than ustar holds), so any tar reads it. Everything that could differ
 * between two packings of the same files is fixed: order (bytewise by path), times, owners, modes. Equal files give equal bytes, so the digest of the bytes names the content.
 */
export type ArchiveEntry =
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'file'; readonly path: string; readonly executable: boolean; readonly size: number }
  | { readonly kind: 'link'; readonly path: string; readonly to: string };

/** Tar counts in blocks. */
export const BLOCK = 512;

/** Two empty blocks end an archive. */
export const archiveEnd = (): Buffer => Buffer.alloc(2 * BLOCK);

/** The zeros that fill the last block of a file's content. */
export const paddingAfter = (size: number): number => (BLOCK - (size % BLOCK)) % BLOCK;

/** Bytewise by path, the one order in which entries stand. */
export const byPath = (a: { readonly path: string }, b: { readonly path: string }): number =>
  Buffer.compare(Buffer.from(a.path), Buffer.from(b.path));

const fields = { name: 100, linkname: 100 } as const;

/** The header blocks of an entry. */
export function headerOf(entry: ArchiveEntry): Buffer {
  const target = entry.kind === 'link' ? entry.to : '';
  const pax = [...paxRecord('path', entry.path, fields.name), ...paxRecord('linkpath', target, fields.linkname)].join('');
  const main = block({
    name: truncated(entry.path, fields.name),
    mode: entry.kind === 'file' && !entry.executable ? 0o444 : 0o555,
    size: entry.kind === 'file' ? entry.size : 0,
    type: entry.kind === 'file' ? '0' : entry.kind === 'link' ? '2' : '5',
    linkname: truncated(target, fields.linkname),
  });
  if (pax === '') return main;
  const body = Buffer.from(pax);
  const lead = block({ name: 'pax', mode: 0o444, size: body.length, type: 'x', linkname: '' });
  return Buffer.concat([lead, body, Buffer.alloc(paddingAfter(body.length)), main]);
}

/** What one header block says; `pax` blocks carry records for the entry after them. */
export type Header = {
  readonly kind: ArchiveEntry['kind'] | 'pax';
  readonly path: string;
  readonly to: string;
  readonly executable: boolean;
  readonly size: number;
};

/** Reads a header block; a message when it is not one that we write. Undefined for the empty block at the end. */
export function readHeader(bytes: Buffer): Header | undefined | { readonly problem: string } {
  if (bytes.every((byte) => byte === 0)) return undefined;
  if (bytes.toString('latin1', 257, 262) !== 'ustar') return { problem: 'a block is not a tar header' };
  if (octal(bytes, 148, 8) !== checksum(bytes)) return { problem: 'a tar header has a wrong checksum' };
  const kind = kinds[bytes.toString('latin1', 156, 157)];
  const size = octal(bytes, 124, 12);
  if (kind === undefined || size === undefined) return { problem: `a tar entry is of a kind that an artifact does not have` };
  return { kind, path: text(bytes, 0, 100), to: text(bytes, 157, 100), executable: ((octal(bytes, 100, 8) ?? 0) & 0o111) !== 0, size };
}

/** The records of a pax header; undefined when they are damaged. */
export function readPax(body: Buffer): ReadonlyMap<string, string> | undefined {
  const records = new Map<string, string>();
  for (let at = 0; at < body.length;) {
    const length = Number(/^(\d{1,7}) /.exec(body.toString('latin1', at, at + 8))?.[1]);
    const record = body.toString('utf8', at, at + length);
    const [, key, value] = /^\d+ ([a-z]+)=([^]*)\n$/.exec(record) ?? [];
    if (!Number.isInteger(length) || at + length > body.length || key === undefined || value === undefined) return undefined;
    records.set(key, value);
    at += length;
  }
  return records;
}

const kinds: Readonly<Record<string, Header['kind']>> = { '0': 'file', '2': 'link', '5': 'folder', x: 'pax' };

function block(header: {
  readonly name: string;
  readonly mode: number;
  readonly size: number;
  readonly type: string;
  readonly linkname: string;
}): Buffer {
  const bytes = Buffer.alloc(BLOCK);
  bytes.write(header.name, 0, 'utf8');
  writeOctal(bytes, header.mode, 100, 8);
  writeOctal(bytes, 0, 108, 8);
  writeOctal(bytes, 0, 116, 8);
  writeOctal(bytes, header.size, 124, 12);
  writeOctal(bytes, 0, 136, 12);
  bytes.write(header.type, 156, 'latin1');
  bytes.write(header.linkname, 157, 'utf8');
  bytes.write('ustar\u000000', 257, 'latin1');
  writeOctal(bytes, checksum(bytes), 148, 8);
  return bytes;
}

function writeOctal(bytes: Buffer, value: number, at: number, length: number): void {
  const digits = value.toString(8).padStart(length - 1, '0');
  if (digits.length > length - 1) throw new RangeError(`${value} does not fit a tar header`);
  bytes.write(digits, at, 'latin1');
}

function octal(bytes: Buffer, at: number, length: number): number | undefined {
  const digits = /^([0-7]+)[ \0]*$/.exec(bytes.toString('latin1', at, at + length))?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits, 8);
}

/** The sum of all bytes, the checksum field itself counted as spaces. */
function checksum(bytes: Buffer): number {
  let sum = 8 * 0x20;
  for (let at = 0; at < BLOCK; at += 1) if (at < 148 || at >= 156) sum += bytes[at] ?? 0;
  return sum;
}

const text = (bytes: Buffer, at: number, length: number): string => bytes.toString('utf8', at, at + length).replace(/\0[^]*$/, '');

/** Cut at whole characters: the true value stands in the pax header then. */
function truncated(value: string, limit: number): string {
  let cut = value;
  while (Buffer.byteLength(cut) > limit) cut = cut.slice(0, -1);
  return cut.isWellFormed() ? cut : cut.slice(0, -1);
}

/** `<length> <key>=<value>\n`, where the length counts its own digits. */
function paxRecord(key: string, value: string, limit: number): readonly string[] {
  if (Buffer.byteLength(value) <= limit) return [];
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest;
  while (String(length).length + rest !== length) length = String(length).length + rest;
  return [`${length} ${key}=${value}\n`];
}
