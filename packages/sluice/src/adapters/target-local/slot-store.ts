import { mkdir, readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileDurably } from '#host';
import { recordFile, type Layout } from './layout.ts';
import { slotRecordSchema, type SlotRecord } from './slot-record.schema.ts';

/** The slots as an agent left them. A record that cannot be read is set aside and told, never guessed. */
export async function loadSlots(layout: Layout): Promise<{ readonly records: readonly SlotRecord[]; readonly damaged: readonly string[] }> {
  await mkdir(layout.slots, { recursive: true, mode: 0o700 });
  const records: SlotRecord[] = [];
  const damaged: string[] = [];
  for (const file of (await readdir(layout.slots)).filter((name) => name.endsWith('.json'))) {
    const path = join(layout.slots, file);
    const parsed = slotRecordSchema.safeParse(parseJson(await readFile(path, 'utf8')));
    if (parsed.success) records.push(parsed.data);
    else {
      await rename(path, `${path}.damaged`);
      damaged.push(`${path}.damaged: ${parsed.error.issues[0]?.message ?? 'unreadable'}`);
    }
  }
  return { records, damaged };
}

/** Puts a slot's record on disk, durably. */
export async function saveSlot(layout: Layout, record: SlotRecord): Promise<void> {
  await writeFileDurably(recordFile(layout, record.service, record.slot), JSON.stringify(record));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
