/** One measured figure: what it is, what it was, against which peer of the same run, and what it was meant to be. */
export type Figure = {
  readonly what: string;
  readonly measured: number;
  readonly unit: string;
  /** The same thing done by a peer, or without us, in the same run. */
  readonly against?: { readonly peer: string; readonly measured: number; readonly ratio: number };
  readonly target?: Target;
  /** Why this run cannot say whether the target was reached; absent when it can. */
  readonly uncertain?: string;
};

/** A target of architecture.md section 7, on the figure itself or on its ratio to the peer. */
export type Target = { readonly of: 'measured' | 'ratio'; readonly kind: 'at-most' | 'at-least'; readonly limit: number };

/** What a benchmark hands over: its figures, remarks for the reader, and everything it saw. */
export type BenchmarkReport = {
  readonly title: string;
  readonly figures: readonly Figure[];
  readonly notes: readonly string[];
  readonly detail: unknown;
};

/** Three outcomes, never two: what was not measured was neither reached nor missed. */
export type Reached = 'reached' | 'missed' | 'not measured' | '';

/** Whether a figure is what it was meant to be; empty when nothing was meant. */
export function reached({ target, measured, against, uncertain }: Figure): Reached {
  if (target === undefined) return '';
  if (uncertain !== undefined) return 'not measured';
  const value = target.of === 'ratio' ? against?.ratio : measured;
  if (value === undefined || !Number.isFinite(value)) return 'not measured';
  return (target.kind === 'at-most' ? value <= target.limit : value >= target.limit) ? 'reached' : 'missed';
}

/** The value in the middle; of an even number the mean of both. NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  const upper = sorted[Math.floor(half)] ?? Number.NaN;
  return Number.isInteger(half) ? ((sorted[half - 1] ?? Number.NaN) + upper) / 2 : upper;
}

/** Figures as the columns of a table. */
export function rowsOf(figures: readonly Figure[]): readonly (readonly string[])[] {
  return figures.map((figure) => [
    figure.what,
    `${shown(figure.measured)} ${figure.unit}`,
    figure.against === undefined ? '' : `${shown(figure.against.measured)} ${figure.unit} (${figure.against.peer})`,
    figure.against === undefined ? '' : `${shown(figure.against.ratio)}x`,
    figure.target === undefined ? '' : targetText(figure.target, figure.unit),
    reached(figure),
  ]);
}

/** The heads of those columns. */
export const columns = ['what', 'measured', 'peer in the same run', 'ratio', 'target', ''] as const;

/** A table for a terminal: columns as wide as their widest cell. */
export function tableText(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((name, at) => Math.max(name.length, ...rows.map((row) => (row[at] ?? '').length)));
  const line = (cells: readonly string[]): string =>
    `  ${widths.map((width, at) => (cells[at] ?? '').padEnd(width)).join('   ')}`.trimEnd();
  return [line(head), line(widths.map((width) => '─'.repeat(width))), ...rows.map(line)].join('\n');
}

const targetText = ({ of, kind, limit }: Target, unit: string): string =>
  `${kind === 'at-most' ? '<=' : '>='} ${shown(limit)}${of === 'ratio' ? 'x' : ` ${unit}`}`;

/** Three significant digits, more where the number is large. */
function shown(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 1 ? 2 : 3;
  return value.toLocaleString('en-US', { maximumFractionDigits: digits });
}
