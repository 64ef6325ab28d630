import { formatBasisPoints, formatCount } from '#kernel';
import type { CoverageEvidence } from '#report';
import { isCount, isShare, senseless, shareOf, type Finding } from './finding.ts';
import type { CoveragePolicy } from './policy.ts';

/** Judges how much was executed. A line counts as executed when any of the reports shows it so. */
export function judgeCoverage(policy: CoveragePolicy, all: readonly CoverageEvidence[]): Finding {
  const evidence = all.map((each) => each.digest);
  const lines = merged(all);
  if (lines === undefined || !isShare(policy.lines)) return senseless(evidence);
  const { found, hit } = lines;
  if (found === 0) return { failures: [], shortfalls: [], doubts: [{ because: 'the reports hold no line' }], fact: '', evidence };
  const fact = `${shareOf(hit, found)} of the lines (${formatCount(hit)} of ${formatCount(found)}), ${formatBasisPoints(policy.lines)} needed`;
  return { failures: [], shortfalls: hit * 10_000 < policy.lines * found ? [fact] : [], doubts: [], fact, evidence };
}

type Lines = { readonly found: number; readonly hit: number };

function merged(all: readonly CoverageEvidence[]): Lines | undefined {
  const files = new Map<string, Map<number, boolean>>();
  for (const file of all.flatMap((each) => each.files)) {
    if (file.lines.found !== file.covered.length + file.missed.length || file.lines.hit !== file.covered.length) return undefined;
    if (![...file.covered, ...file.missed].every(isCount)) return undefined;
    const lines = files.get(file.path) ?? new Map<number, boolean>();
    files.set(file.path, lines);
    for (const line of file.missed) lines.set(line, lines.get(line) ?? false);
    for (const line of file.covered) lines.set(line, true);
  }
  const every = [...files.values()].flatMap((lines) => [...lines.values()]);
  return { found: every.length, hit: every.filter(Boolean).length };
}
