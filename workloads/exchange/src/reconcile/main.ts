/** Counts again, from what was left on disk: `node src/reconcile/main.ts --log client.ndjson --journal DIR`. Exits 1 on a difference. */
import { parseArgs } from 'node:util';
import { readJournal } from '../engine/journal-reader.ts';
import { readClientLogs } from './client-log.ts';
import { reconcile } from './reconcile.ts';

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { log: { type: 'string', multiple: true }, journal: { type: 'string' } } });
  if (values.log === undefined || values.journal === undefined)
    throw new Error('usage: node src/reconcile/main.ts --log FILE [--log FILE] --journal DIR');
  const result = await reconcile(readClientLogs(values.log), readJournal(values.journal));
  console.log(JSON.stringify(result));
  process.exitCode = result.lost + result.doubled === 0 ? 0 : 1;
}

try {
  await main();
} catch (error) {
  console.error(`reconcile: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 2;
}
