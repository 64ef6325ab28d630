/**
 * `npm run bench`: every benchmark, each in a process of its own, one after the other; `npm run bench -- runner ledger` runs those two.
 * Figures go to `reports/bench/<name>.json` with the machine they were seen on. Exits 1 when a benchmark did not run, never because of a figure:
 * a busy machine proves nothing.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { reportText } from './benchmark.ts';
import { columns, reached, rowsOf, tableText, type BenchmarkReport, type Figure } from './figure.ts';
import { busyLoad, load, machine } from './machine.ts';

const benchmarks = ['runner', 'sandbox', 'router', 'fault-to-safe', 'ledger', 'exchange', 'serve'] as const;
type Benchmark = (typeof benchmarks)[number];

const root = join(import.meta.dirname, '..', '..');
const reports = join(root, 'reports', 'bench');
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(benchmarks as readonly string[]).includes(name));
if (unknown.length > 0) {
  console.error(`✖ no benchmark ${unknown.join(', ')}: there are ${benchmarks.join(', ')}`);
  process.exit(2);
}

/** The first signal ends the benchmark that runs, which cleans up after itself, and starts no other. */
const stopped = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopped.abort());

async function run(name: Benchmark): Promise<BenchmarkReport | undefined> {
  const before = load();
  const began = performance.now();
  const child = fork(join(import.meta.dirname, `${name}.ts`), [], { execArgv: ['--conditions=@sluice/source'], stdio: 'inherit' });
  let report: BenchmarkReport | undefined;
  child.on('message', (message: { readonly benchmark?: BenchmarkReport }) => (report = message.benchmark ?? report));
  const stop = (): boolean => child.kill('SIGTERM');
  stopped.signal.addEventListener('abort', stop, { once: true });
  const [code] = (await once(child, 'exit')) as [number | null];
  stopped.signal.removeEventListener('abort', stop);
  if (report === undefined || code !== 0) {
    console.log(`✖ ${name} did not run to its end (exit ${code ?? 'by a signal'})\n`);
    return undefined;
  }
  const busy = before.one > busyLoad;
  const seen = { load: { before, after: load() }, busy, seconds: (performance.now() - began) / 1_000 };
  const figures = report.figures.map((figure) => ({ ...figure, outcome: reached(figure) }));
  writeFileSync(
    join(reports, `${name}.json`),
    `${JSON.stringify({ name, at: new Date().toISOString(), machine, ...seen, ...report, figures }, undefined, 2)}\n`,
  );
  const notes = busy
    ? [...report.notes, `The machine was busy before this began (load ${before.one.toFixed(2)}): trust the ratios only.`]
    : report.notes;
  console.log(reportText({ ...report, notes }));
  return report;
}

mkdirSync(reports, { recursive: true });
console.log(
  `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, Linux ${machine.kernel}, Node ${machine.node}; load ${load().one.toFixed(2)}\n`,
);
const all: Figure[] = [];
let lost = 0;
for (const name of benchmarks) {
  if (stopped.signal.aborted || (wanted.length > 0 && !wanted.includes(name))) continue;
  const report = await run(name);
  if (report === undefined) lost += 1;
  else all.push(...report.figures.filter((figure) => figure.target !== undefined));
}
if (all.length > 0) console.log(`Targets of architecture.md, section 7\n\n${tableText(columns, rowsOf(all))}\n\nJSON: reports/bench/`);
process.exitCode = lost > 0 ? 1 : 0;
