/** The engine: `PORT=9001 JOURNAL_DIR=/var/lib/exchange node src/engine/main.ts`. */
import { BadSettings } from '../wire/index.ts';
import { CommandServer } from './command-server.ts';
import { serveHealth } from './health-server.ts';
import { JournalDamaged } from './journal-reader.ts';
import { Journal } from './journal.ts';
import { replayInto, ReplayDiffers } from './replay.ts';
import { readEngineSettings } from './settings.ts';
import { Venue } from './venue.ts';
import { takeWriterLock, WriterAlive } from './writer-lock.ts';
import { Writer } from './writer.ts';

async function main(): Promise<void> {
  const settings = readEngineSettings(process.env);
  takeWriterLock(settings.journalDirectory);
  const venue = new Venue();
  const { journal, end } = await Journal.open(settings.journalDirectory, replayInto(venue));
  if (end.torn > 0) console.error(`engine: dropped ${end.torn} bytes of a write that was cut short; nothing in them was acknowledged`);

  const writer = new Writer(venue, journal, (cause) => fail(`cannot write the journal: ${message(cause)}; free the disk and start again`));
  const commands = new CommandServer(writer);
  const port = await commands.listen(settings.port, settings.host);
  const health = settings.control && (await serveHealth(settings.control, () => ({ status: 'ok', ...status(venue, journal) })));
  console.log(JSON.stringify({ service: 'engine', listening: `${settings.host}:${port}`, replayed: end.records }));

  const stop = async (): Promise<void> => {
    await commands.close();
    health?.close();
    health?.closeAllConnections();
    await journal[Symbol.asyncDispose]();
    console.log(JSON.stringify({ service: 'engine', stopped: true, ...status(venue, journal), digest: venue.digest }));
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop());
}

const status = (venue: Venue, journal: Journal) => ({ sequence: venue.sequence, orders: venue.orders, journalBytes: journal.bytes });

const message = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** One line, then out at once: a writer that cannot write must not answer another command. */
function fail(reason: string, code = 1): never {
  console.error(`engine: ${reason}`);
  process.exit(code);
}

try {
  await main();
} catch (error) {
  if (error instanceof BadSettings) fail(error.message, 2);
  if (error instanceof WriterAlive || error instanceof JournalDamaged || error instanceof ReplayDiffers) fail(error.message);
  fail(`cannot start: ${message(error)}; see HOST, PORT and JOURNAL_DIR`);
}
