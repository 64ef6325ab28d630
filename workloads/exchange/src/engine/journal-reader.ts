import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { DamagedLine, decodeHeader, decodeRecord, isSound, type JournalRecord } from './journal-record.ts';

/** A journal that cannot be trusted as a whole; the message names the record, the place and the way out. */
export class JournalDamaged extends Error {
  override readonly name = 'JournalDamaged';
}

/** How far a journal is sound: `bytes` is where the next record belongs; beyond it are only `torn` bytes of an unfinished write. */
export type JournalEnd = { readonly records: number; readonly bytes: number; readonly torn: number };

export const journalPath = (directory: string): string => join(directory, 'journal.log');

const CHUNK = 1 << 20; // bounded memory, whatever the length of the journal

/**
 * Yields every record of a journal in order and returns where it ends.
 *
 * Only bytes after the last newline can be the remains of a write that was cut short, and nothing in them was ever acknowledged,
 * so they are counted and left out. A complete line that does not verify was acknowledged once: then no guess is safe.
 */
export function* readJournal(directory: string): Generator<JournalRecord, JournalEnd> {
  const path = journalPath(directory);
  let lines = 0; // the header is line 0, so that record n is line n
  let bytes = 0;
  const damaged = (cause: string): JournalDamaged => {
    const place = lines === 0 ? 'the header' : `record ${lines}`;
    return new JournalDamaged(`${path}: ${place} at byte ${bytes} is damaged: ${cause}; restore the file from a copy, nothing was changed`);
  };
  for (const { text, complete } of readLines(path)) {
    if (!complete) {
      if (isSound(text.subarray(0, -1).toString())) throw damaged('its newline is another byte');
      return { records: Math.max(0, lines - 1), bytes, torn: text.length };
    }
    try {
      if (lines === 0) decodeHeader(text.toString());
      else yield decodeRecord(text.toString(), lines);
    } catch (error) {
      throw error instanceof DamagedLine ? damaged(error.message) : error;
    }
    lines++;
    bytes += text.length + 1;
  }
  return { records: Math.max(0, lines - 1), bytes, torn: 0 };
}

type Line = { readonly text: Buffer; readonly complete: boolean };

function* readLines(path: string): Generator<Line> {
  const file = openSync(path, 'r');
  try {
    let rest: Buffer = Buffer.alloc(0);
    for (;;) {
      const chunk = Buffer.allocUnsafe(CHUNK);
      const read = readSync(file, chunk);
      if (read === 0) break;
      rest = Buffer.concat([rest, chunk.subarray(0, read)]);
      let start = 0;
      for (let end = rest.indexOf(10, start); end !== -1; end = rest.indexOf(10, start)) {
        yield { text: rest.subarray(start, end), complete: true };
        start = end + 1;
      }
      rest = rest.subarray(start);
    }
    if (rest.length > 0) yield { text: rest, complete: false };
  } finally {
    closeSync(file);
  }
}
