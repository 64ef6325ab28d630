import type { Digest } from '#kernel';
import { Refusal, type CoverageEvidence, type FileCoverage } from './evidence.ts';

/** Hits by line, and by branch (`line,block,branch`), of one source file. */
type Hits = { readonly lines: Map<number, number>; readonly branches: Map<string, number> };

/** Everything a record may hold besides the lines and branches that are counted. */
const ignored = new Set(['TN', 'FN', 'FNDA', 'FNF', 'FNH', 'FNL', 'FNA', 'BRF', 'BRH', 'LF', 'LH', 'VER', 'MCDC', 'MCF', 'MCH']);

/**
 * LCOV: lines and branches are counted again from DA and BRDA, stored sums are ignored, records of the same file are added up. What is cut
 * off inside a record is an error; a cut exactly between two records cannot be seen in this format, and leaves fewer files.
 */
export function parseLcov(text: string, digest: Digest): CoverageEvidence {
  const files = new Map<string, Hits>();
  const warnings = new Set<string>();
  let current: Hits | undefined;
  // A test name announces a record: one at the very end announces a record that was cut off.
  let announced = false;
  let artificial = 0;
  const rows = text.split('\n');
  for (const [index, raw] of rows.entries()) {
    const row = raw.trim();
    const at = `line ${index + 1}`;
    if (row === '' || row.startsWith('#')) continue;
    if (row === 'end_of_record') {
      if (current === undefined) throw new Refusal('unreadable', `${at}: a record ends that did not begin`);
      current = undefined;
      continue;
    }
    const [, key = '', value = ''] = /^([A-Z]{2,5}):(.*)$/.exec(row) ?? [];
    if (key === '') throw new Refusal('unreadable', `${at}: not LCOV (${JSON.stringify(row.slice(0, 40))})`);
    announced = key === 'TN';
    if (key === 'SF') {
      if (current !== undefined || (announced && files.size > 0)) throw new Refusal('unreadable', `${at}: a record begins inside another`);
      current = hitsOf(files, value, at);
    } else if (key === 'DA' || key === 'BRDA') {
      if (current === undefined) throw new Refusal('unreadable', `${at}: ${key} outside of a record`);
      // Line 0 is what compilers give to code that they made themselves (exception clean-up, static initialisers): nobody wrote it, nobody can cover it.
      if (value.startsWith('0,')) artificial += 1;
      else if (key === 'DA') addLine(current, value, at);
      else addBranch(current, value, at);
    } else if (!ignored.has(key) && warnings.size < 20) warnings.add(`${key}: unknown, ignored`);
  }
  if (current !== undefined || (announced && files.size > 0)) throw new Refusal('unreadable', 'cut off: the last record does not end');
  if (artificial > 0) warnings.add(`${artificial} ${artificial === 1 ? 'row' : 'rows'} of line 0 left out: made by the compiler`);
  const read = [...files].map(([path, hits]) => coverageOf(path, hits));
  if (read.every((file) => file.lines.found === 0)) throw new Refusal('empty', 'holds no line (DA)');
  return { kind: 'coverage', files: read, warnings: [...warnings], digest };
}

function hitsOf(files: Map<string, Hits>, value: string, at: string): Hits {
  const path = value
    .trim()
    .replaceAll('\\', '/')
    .replace(/^(?:\.\/)+/, '');
  if (path === '') throw new Refusal('unreadable', `${at}: a record without a file`);
  const hits = files.get(path) ?? { lines: new Map<number, number>(), branches: new Map<string, number>() };
  files.set(path, hits);
  return hits;
}

function addLine({ lines }: Hits, value: string, at: string): void {
  const [, line = '', hits = ''] = /^(\d{1,9}),(\d{1,20})(?:,[^,]*)?$/.exec(value) ?? [];
  if (line === '' || Number(line) === 0) throw new Refusal('unreadable', `${at}: DA:${value.slice(0, 40)} is no line and count`);
  lines.set(Number(line), (lines.get(Number(line)) ?? 0) + Number(hits));
}

function addBranch({ branches }: Hits, value: string, at: string): void {
  // The branch may be an expression of any kind (LCOV 2), so the count is what stands after the last comma.
  const [, branch = '', taken = ''] = /^(\d{1,9},[^,]*,.+),(-|\d{1,20})$/.exec(value) ?? [];
  if (branch === '') throw new Refusal('unreadable', `${at}: BRDA:${value.slice(0, 40)} is no branch and count`);
  branches.set(branch, (branches.get(branch) ?? 0) + (taken === '-' ? 0 : Number(taken)));
}

function coverageOf(path: string, { lines, branches }: Hits): FileCoverage {
  const sorted = [...lines].toSorted(([a], [b]) => a - b);
  const covered = sorted.filter(([, hits]) => hits > 0).map(([line]) => line);
  const missed = sorted.filter(([, hits]) => hits === 0).map(([line]) => line);
  const taken = [...branches.values()].filter((hits) => hits > 0).length;
  return {
    path,
    lines: { found: sorted.length, hit: covered.length },
    branches: { found: branches.size, hit: taken },
    covered,
    missed,
  };
}
