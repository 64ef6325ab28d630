import { open, type FileHandle } from 'node:fs/promises';
import { journalPath, readJournal, type JournalEnd } from './journal-reader.ts';
import { encodeLine, HEADER, type JournalRecord } from './journal-record.ts';

/** The append-only record of every change; what was appended is safe only after the next `sync`. */
export class Journal implements AsyncDisposable {
  readonly #file: FileHandle;
  #pending: string[] = [];
  #end: number;

  private constructor(file: FileHandle, end: number) {
    this.#file = file;
    this.#end = end;
  }

  /** Replays every record into `onRecord`, cuts off a torn end, and is ready to append. */
  static async open(
    directory: string,
    onRecord: (record: JournalRecord) => void,
  ): Promise<{ readonly journal: Journal; readonly end: JournalEnd }> {
    const file = await open(journalPath(directory), 'a+', 0o600);
    try {
      const end = replay(directory, onRecord);
      await file.truncate(end.bytes);
      const journal = new Journal(file, end.bytes);
      if (end.bytes === 0) journal.#pending.push(encodeLine(HEADER));
      await journal.sync();
      await syncDirectory(directory);
      return { journal, end };
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Bytes that are safe on disk. */
  get bytes(): number {
    return this.#end;
  }

  append(record: JournalRecord): void {
    this.#pending.push(encodeLine(record));
  }

  /** Makes everything appended so far durable with one write and one sync; a failure leaves the file unusable, on purpose. */
  async sync(): Promise<void> {
    if (this.#pending.length === 0) return;
    const bytes = Buffer.from(this.#pending.join(''));
    this.#pending = [];
    for (let written = 0; written < bytes.length;) written += (await this.#file.write(bytes, written)).bytesWritten;
    await this.#file.datasync();
    this.#end += bytes.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

function replay(directory: string, onRecord: (record: JournalRecord) => void): JournalEnd {
  const records = readJournal(directory);
  for (;;) {
    const next = records.next();
    if (next.done === true) return next.value;
    onRecord(next.value);
  }
}

/** A new file is safe only when the directory that names it is. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
