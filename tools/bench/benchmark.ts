import { columns, rowsOf, tableText, type BenchmarkReport } from './figure.ts';

/** What a benchmark process does at its end: hand its report to `npm run bench`, or print it when it was started by hand. */
export function hand(report: BenchmarkReport): void {
  if (process.send === undefined) console.log(reportText(report));
  else process.send({ benchmark: report });
}

/** A report as people read it. */
export function reportText({ title, figures, notes }: BenchmarkReport): string {
  return [
    title,
    '',
    tableText(columns, rowsOf(figures)),
    ...(notes.length === 0 ? [] : ['']),
    ...notes.map((note) => `  ${note}`),
    '',
  ].join('\n');
}

/** One line of progress: benchmarks take minutes. */
export function progress(line: string): void {
  process.stderr.write(`  … ${line}\n`);
}
