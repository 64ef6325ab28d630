import { openPrivateFolder, systemClock } from '#host';
import { endLeftovers } from './leftovers.ts';
import { RunBook } from './run-book.ts';

/** Started by the watchdog's shell when the runner is gone without having said goodbye. */
const [name = ''] = process.argv.slice(2);
using folder = openPrivateFolder();
const book = new RunBook(folder);
const run = book.find(name);
if (run !== undefined) await endLeftovers(run, book, systemClock);
