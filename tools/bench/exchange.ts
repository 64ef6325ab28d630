import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { hand, progress } from './benchmark.ts';
import { median } from './figure.ts';

/** The exchange's own two measurements, each several times in a new process: the book by itself, and the engine with its socket, journal and syncs. */
const RUNS = 5;

type Seen = { readonly name: string; readonly operations: number; readonly perSecond: number };

function measure(name: 'book' | 'engine'): Seen {
  const file = join(import.meta.dirname, '..', '..', 'workloads', 'exchange', 'bench', `${name}.ts`);
  const { status, stdout } = spawnSync(process.execPath, [file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  if (status !== 0) throw new Error(`${file} ended with ${status}`);
  return JSON.parse(stdout) as Seen;
}

progress(`book and engine, ${RUNS} times each, by turns`);
const turns = Array.from({ length: RUNS }, () => ({ book: measure('book'), engine: measure('engine') }));
const book = turns.map((turn) => turn.book.perSecond);
const engine = turns.map((turn) => turn.engine.perSecond);
hand({
  title: `exchange: the order book and its engine (medians of ${RUNS})`,
  figures: [
    { what: 'book operations in one process', measured: median(book), unit: '/s' },
    {
      what: 'engine commands, journaled and synced before each acknowledgement',
      measured: median(engine),
      unit: '/s',
      against: {
        peer: 'the book alone',
        measured: median(book),
        ratio: median(engine.map((value, at) => value / (book[at] ?? Number.NaN))),
      },
    },
  ],
  notes: ['2,000 commands under way at once, lines of JSON over one socket; client and engine share the machine.'],
  detail: turns,
});
