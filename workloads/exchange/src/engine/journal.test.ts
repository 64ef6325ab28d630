import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { JournalDamaged, journalPath, readJournal } from './journal-reader.ts';
import type { JournalRecord } from './journal-record.ts';
import { Journal } from './journal.ts';

const record = (seq: number): JournalRecord => ({
  seq,
  command: { op: 'cancel', clientOrderId: `id-${seq}` },
  answer: { kind: 'cancelled', lots: seq },
});

async function scratch(use: (directory: string) => void | Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'exchange-journal-'));
  try {
    await use(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function write(directory: string, ...records: readonly JournalRecord[]): Promise<void> {
  await using journal = (await Journal.open(directory, () => {})).journal;
  for (const each of records) journal.append(each);
  await journal.sync();
}

const read = (directory: string): readonly JournalRecord[] => [...readJournal(directory)];

test('what was synced is read back in order, over several openings', () =>
  scratch(async (directory) => {
    await write(directory, record(1), record(2));
    await write(directory, record(3));
    const replayed: JournalRecord[] = [];
    const { journal, end } = await Journal.open(directory, (each) => void replayed.push(each));
    await using _ = journal;
    assert.deepEqual(replayed, [record(1), record(2), record(3)]);
    assert.deepEqual(end, { records: 3, bytes: statSync(journalPath(directory)).size, torn: 0 });
  }));

test('a journal cut at any byte replays the records that were complete, and goes on from there', () =>
  scratch(async (directory) => {
    await write(directory, record(1), record(2), record(3));
    const whole = readFileSync(journalPath(directory));
    for (let length = 0; length < whole.length; length++) {
      writeFileSync(journalPath(directory), whole.subarray(0, length));
      const complete = Math.max(0, whole.subarray(0, length).toString().split('\n').length - 2);
      await write(directory, record(complete + 1));
      assert.deepEqual(
        read(directory),
        Array.from({ length: complete + 1 }, (_, index) => record(index + 1)),
      );
    }
  }));

test('a flipped byte anywhere is refused in one line that names the record, and the file stays as it is', () =>
  scratch(async (directory) => {
    await write(directory, record(1), record(2), record(3));
    const whole = readFileSync(journalPath(directory));
    for (let place = 0; place < whole.length; place++) {
      const damaged = Buffer.from(whole);
      damaged[place] = damaged[place]! ^ 0x04;
      writeFileSync(journalPath(directory), damaged);
      await assert.rejects(
        Journal.open(directory, () => {}),
        (error) => error instanceof JournalDamaged && /^[^\n]*(record \d|the header) at byte \d+ is damaged: [^\n]*$/.test(error.message),
        `byte ${place}`,
      );
      assert.deepEqual(readFileSync(journalPath(directory)), damaged);
    }
  }));

test('a missing, a doubled and a foreign record are refused though each line is sound', () =>
  scratch(async (directory) => {
    await write(directory, record(1), record(2), record(3));
    const [header, one, two, three] = readFileSync(journalPath(directory), 'utf8').split('\n');
    for (const lines of [
      [header, one, three],
      [header, one, one, two],
      [one, two],
      [header, header],
    ]) {
      writeFileSync(journalPath(directory), `${lines.join('\n')}\n`);
      assert.throws(() => read(directory), JournalDamaged);
    }
  }));

test('a journal longer than one read is read whole', () =>
  scratch(async (directory) => {
    const records = Array.from({ length: 20_000 }, (_, index) => record(index + 1));
    await write(directory, ...records);
    assert.equal(read(directory).length, 20_000);
  }));
