import { crc32 } from 'node:zlib';
import { MalformedCommand, parseCommand, type Answer, type ChangeCommand } from '../wire/index.ts';
import { isChange } from './venue.ts';

/** One change of the book: what was asked, and what was answered. The answer is kept so that a replay can prove itself. */
export type JournalRecord = { readonly seq: number; readonly command: ChangeCommand; readonly answer: Answer };

/** The first line of a journal. */
export const HEADER = { journal: 'exchange', format: 1 } as const;

/** A line of the journal that is not what was written; the message says why. */
export class DamagedLine extends Error {
  override readonly name = 'DamagedLine';
}

/** `<crc32 of the json, 8 hex digits> <json>\n`: readable by people and by grep, checkable by anyone. */
export function encodeLine(value: JournalRecord | typeof HEADER): string {
  const json = JSON.stringify(value);
  return `${checksum(json)} ${json}\n`;
}

/** Reads the header line; throws DamagedLine for anything but a journal of this format. */
export function decodeHeader(line: string): void {
  if (verified(line) !== JSON.stringify(HEADER)) throw new DamagedLine(`expected the header of a format ${HEADER.format} journal`);
}

/** Reads one record line, which must carry this sequence number. */
export function decodeRecord(line: string, seq: number): JournalRecord {
  const record = JSON.parse(verified(line)) as { readonly seq: unknown; readonly command: unknown; readonly answer: Answer };
  if (record.seq !== seq) throw new DamagedLine(`expected record ${seq}, found ${String(record.seq)}`);
  try {
    const command = parseCommand(record.command);
    if (isChange(command)) return { seq, command, answer: record.answer };
  } catch (error) {
    if (!(error instanceof MalformedCommand)) throw error;
    throw new DamagedLine(error.message);
  }
  throw new DamagedLine('a query is no change');
}

/** Whether a line without its newline is sound: then the write of it was cut just before its last byte, or that byte was damaged. */
export function isSound(line: string): boolean {
  return line[8] === ' ' && line.slice(0, 8) === checksum(line.slice(9));
}

function verified(line: string): string {
  if (!isSound(line)) throw new DamagedLine('the checksum does not match');
  return line.slice(9);
}

const checksum = (json: string): string => crc32(json).toString(16).padStart(8, '0');
