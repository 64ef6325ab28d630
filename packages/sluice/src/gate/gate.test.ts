import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { percent, type BasisPoints, type Verdict } from '#kernel';
import { judgeGate, proveGate, reportOutcome, type JudgedGate, type ReportItem, type ReportOutcome } from './index.ts';
import * as door from './index.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const found = (format: 'junit' | 'lcov', text: string | undefined): ReportOutcome =>
  reportOutcome({
    format,
    path: 'reports/unit',
    file: text === undefined ? undefined : { bytes: bytes(text), modifiedMs: 5_000.5 },
    jobStartedMs: 5_000,
  });

type Cases = { readonly passed?: number; readonly failed?: number; readonly skipped?: number; readonly flaky?: number };
const junit = ({ passed = 0, failed = 0, skipped = 0, flaky = 0 }: Cases): string => {
  const cases = (count: number, name: string, inside = ''): string =>
    Array.from({ length: count }, (_, at) => `<testcase name="${name}${at === 0 ? '' : at}">${inside}</testcase>`).join('');
  return `<testsuites>${cases(passed, 'p')}${cases(failed, 'f', '<failure/>')}${cases(skipped, 's', '<skipped/>')}${cases(flaky, 'l', '<flakyFailure/>')}</testsuites>`;
};
const lcov = (file: string, lines: readonly number[]): string =>
  `SF:${file}\n${lines.map((hits, at) => `DA:${at + 1},${hits}`).join('\n')}\nend_of_record\n`;

const item = (job: string, format: 'junit' | 'lcov', outcome: ReportOutcome, jobEnded: 'well' | 'badly' = 'well'): ReportItem => ({
  job,
  format,
  outcome,
  jobEnded,
});
const tests = (from: readonly string[] = ['unit'], minimum = 1, maximumSkipped = percent(10)): JudgedGate => ({
  name: 'tests',
  gate: { kind: 'tests', minimum, maximumSkipped },
  from,
});
const coverage = (from: readonly string[] = ['unit'], lines = percent(80)): JudgedGate => ({
  name: 'coverage',
  gate: { kind: 'coverage', lines },
  from,
});
const judgeUnit = (text: string | undefined, gate = tests()): Verdict => judgeGate(gate, [item('unit', 'junit', found('junit', text))]);

test('tests pass when enough of them ran and none failed; the verdict names what was judged', () => {
  const verdict = judgeUnit(junit({ passed: 40, skipped: 2 }), tests(['unit'], 40));
  expect(verdict).toMatchObject({ kind: 'pass', because: '40 of 40, 2 skipped' });
  expect(verdict.evidence).toHaveLength(1);
});

test('one failure fails, also when other reports are missing', () => {
  expect(judgeUnit(junit({ passed: 9, failed: 2 }))).toMatchObject({ kind: 'fail', because: '2 of 11 failed: f and 1 more' });
  const items = [item('unit', 'junit', found('junit', junit({ failed: 1 }))), item('e2e', 'junit', found('junit', undefined))];
  expect(judgeGate(tests(['unit', 'e2e']), items).kind).toBe('fail');
});

test('Z01, Z02, Z26: a report missing, empty, unreadable, of no test, or older than its job is inconclusive, with a way out', () => {
  expect(judgeUnit(undefined)).toMatchObject({
    kind: 'inconclusive',
    because: 'job "unit": reports/unit does not exist',
    hint: 'check where the job writes its report',
  });
  expect(judgeUnit('')).toMatchObject({ kind: 'inconclusive', because: 'job "unit": reports/unit: the file is empty' });
  expect(judgeUnit('<testsuites>').kind).toBe('inconclusive');
  expect(judgeUnit('<testsuites/>').kind).toBe('inconclusive');
  const stale = reportOutcome({
    format: 'junit',
    path: 'r.xml',
    file: { bytes: bytes(junit({ passed: 1 })), modifiedMs: 4_900.5 },
    jobStartedMs: 5_000,
  });
  expect(judgeGate(tests(), [item('unit', 'junit', stale)])).toMatchObject({
    kind: 'inconclusive',
    because: 'job "unit": r.xml is older than the job that should have written it',
  });
});

test('Z02: a file written within a tick of the start is fresh, on file systems of whole seconds too; a time that is no number is not', () => {
  const outcome = (modifiedMs: number, jobStartedMs: number | undefined) =>
    reportOutcome({ format: 'junit', path: 'r', file: { bytes: bytes(junit({ passed: 1 })), modifiedMs }, jobStartedMs }).kind;
  expect(outcome(4_995.25, 5_000)).toBe('evidence');
  expect(outcome(5_000, 5_900)).toBe('evidence');
  expect(outcome(4_000, 5_900)).toBe('stale');
  expect(outcome(4_989.5, 5_000)).toBe('stale');
  expect(outcome(Number.NaN, 5_000)).toBe('stale');
  expect(outcome(6_000, Number.NaN)).toBe('stale');
  expect(outcome(1, undefined)).toBe('evidence');
});

test('Z28: fewer tests than the floor, and a job whose report nobody collected, are inconclusive', () => {
  expect(judgeUnit(junit({ passed: 39 }), tests(['unit'], 40))).toMatchObject({
    kind: 'inconclusive',
    because: '39 tests executed, at least 40 needed',
  });
  const one = [item('unit', 'junit', found('junit', junit({ passed: 50 })))];
  expect(judgeGate(tests(['unit', 'e2e']), one)).toMatchObject({ kind: 'inconclusive', because: 'job "e2e" left no junit report' });
  expect(judgeGate(tests([]), one).kind).toBe('inconclusive');
  expect(judgeGate(tests(), []).kind).toBe('inconclusive');
});

test('Z26: only skipped tests are no evidence; too many skipped ones fail', () => {
  expect(judgeUnit(junit({ skipped: 3 }), tests(['unit'], 1, percent(100))).kind).toBe('inconclusive');
  expect(judgeUnit(junit({ passed: 8, skipped: 2 }))).toMatchObject({ kind: 'fail', because: '2 of 10 skipped, at most 10 % allowed' });
  expect(judgeUnit(junit({ passed: 9, skipped: 1 })).kind).toBe('pass');
});

test('too few lines or too many skips fail only when nothing is missing: the rest might have made up for it', () => {
  const few = item('j0', 'lcov', found('lcov', lcov('a', [0, 0])));
  expect(judgeGate(coverage(['j0']), [few]).kind).toBe('fail');
  expect(judgeGate(coverage(['j0', 'j1']), [few, item('j1', 'lcov', found('lcov', undefined))]).kind).toBe('inconclusive');
  expect(judgeGate(coverage(['j0']), [{ ...few, jobEnded: 'badly' }]).kind).toBe('inconclusive');
});

test('Z29: flaky tests are told apart from passed ones', () => {
  expect(judgeUnit(junit({ passed: 9, flaky: 1 }))).toMatchObject({
    kind: 'pass',
    because: '9 of 10, 1 flaky, passed when tried again: l',
  });
});

test('a report that claims a failure no case shows is inconclusive', () => {
  expect(judgeUnit('<testsuites failures="1"><testcase name="a"/></testsuites>')).toMatchObject({ kind: 'inconclusive' });
});

test('Z03, Z45: a job that did not end well proves nothing with a clean report, and everything with a failing one', () => {
  const of = (text: string) => judgeGate(tests(), [item('unit', 'junit', found('junit', text), 'badly')]);
  expect(of(junit({ passed: 9 }))).toMatchObject({
    kind: 'inconclusive',
    because: 'job "unit" did not succeed, though its report shows nothing wrong',
  });
  expect(of(junit({ passed: 9, failed: 1 })).kind).toBe('fail');
});

test('coverage counts a line once, however many reports show it', () => {
  const items = (...all: readonly string[]) => all.map((text, at) => item(`j${at}`, 'lcov', found('lcov', text)));
  const gate = coverage(['j0', 'j1']);
  expect(judgeGate(gate, items(lcov('a', [1, 0, 0, 0, 0]), lcov('a', [0, 1, 1, 1, 0])))).toMatchObject({
    kind: 'pass',
    because: '80.0 % of the lines (4 of 5), 80 % needed',
  });
  expect(judgeGate(gate, items(lcov('a', [1, 1, 1, 1, 0]), lcov('b', [0])))).toMatchObject({
    kind: 'fail',
    because: '66.6 % of the lines (4 of 6), 80 % needed',
  });
});

test('what is not enough never looks like enough', () => {
  const lines = Array.from({ length: 100_000 }, (_, at) => (at < 79_999 ? 1 : 0));
  const verdict = judgeGate(coverage(), [item('unit', 'lcov', found('lcov', lcov('a', lines)))]);
  expect(verdict).toMatchObject({ kind: 'fail', because: '79.9 % of the lines (79,999 of 100,000), 80 % needed' });
});

test('X-01, Z47: a gate that cannot fail is void, and so is one whose judge finds no planted failure, or takes silence for consent', () => {
  expect(proveGate(tests()).ok && proveGate(coverage()).ok).toBe(true);
  const full = [item('unit', 'lcov', found('lcov', lcov('a', [1])))];
  expect(judgeGate(coverage(['unit'], percent(0)), full)).toMatchObject({
    kind: 'inconclusive',
    because: 'the gate is void: a planted failure was judged pass',
  });
  const fails: Verdict = { kind: 'fail', because: 'always', evidence: [] };
  const passes: Verdict = { kind: 'pass', because: 'always', evidence: [] };
  const clean = [item('unit', 'junit', found('junit', junit({ passed: 1 })))];
  expect(judgeGate(tests(), clean, () => passes).kind).toBe('inconclusive');
  expect(judgeGate(tests(), clean, () => fails).kind).toBe('inconclusive');
  expect(
    judgeGate(tests(), clean, (_, items) =>
      items.length === 0 ? passes : items[0]?.outcome.kind === 'missing' ? { ...passes, kind: 'inconclusive' } : fails,
    ).kind,
  ).toBe('inconclusive');
});

test('Z39: a judge that throws has judged nothing', () => {
  expect(
    judgeGate(tests(), [], () => {
      throw new Error('boo');
    }),
  ).toMatchObject({ kind: 'inconclusive', because: 'the gate broke while judging: boo' });
  expect(judgeGate(tests(), [null] as never).kind).toBe('inconclusive');
});

test('I1: numbers that are none, in policy or evidence, never pass', () => {
  const nan = Number.NaN as BasisPoints;
  expect(judgeUnit(junit({ passed: 9 }), tests(['unit'], Number.NaN)).kind).toBe('inconclusive');
  expect(judgeUnit(junit({ passed: 9 }), tests(['unit'], 1, nan)).kind).toBe('inconclusive');
  expect(judgeGate(coverage(['unit'], nan), [item('unit', 'lcov', found('lcov', lcov('a', [1])))]).kind).toBe('inconclusive');
  const evidence = found('junit', junit({ passed: 9 }));
  if (evidence.kind !== 'evidence') throw new Error('expected evidence');
  for (const field of ['executed', 'passed', 'failed', 'skipped', 'flaky', 'unexplained']) {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, -1, undefined, '9']) {
      const broken = { ...evidence.evidence, [field]: value } as never;
      expect(judgeGate(tests(), [item('unit', 'junit', { kind: 'evidence', evidence: broken })]).kind, `${field} ${String(value)}`).toBe(
        'inconclusive',
      );
    }
  }
});

const outcomes: fc.Arbitrary<{ readonly format: 'junit' | 'lcov'; readonly text: string | undefined }> = fc.oneof(
  fc
    .record({ passed: fc.nat(5), failed: fc.constantFrom(0, 0, 1), skipped: fc.nat(2), flaky: fc.nat(1) })
    .map((cases) => ({ format: 'junit' as const, text: junit(cases) })),
  fc
    .array(fc.constantFrom(0, 1, 1, 1, 1), { minLength: 1, maxLength: 8 })
    .map((lines) => ({ format: 'lcov' as const, text: lcov('a.ts', lines) })),
);

test('I1 property: taking away or corrupting any evidence never gives a pass', () => {
  const damages: readonly ((outcome: { readonly format: 'junit' | 'lcov'; readonly text: string | undefined }) => ReportOutcome)[] = [
    ({ format }) => found(format, undefined),
    ({ format }) => found(format, ''),
    ({ format, text = '' }) => found(format, text.slice(0, Math.floor(text.length / 2))),
    ({ format }) => ({ kind: 'stale', message: format }),
    ({ format }) => found(format, '<testsuites tests="40"/>'),
    ({ format, text = '' }) =>
      reportOutcome({
        format: format === 'junit' ? 'lcov' : 'junit',
        path: 'x',
        file: { bytes: bytes(text), modifiedMs: 0 },
        jobStartedMs: undefined,
      }),
  ];
  fc.assert(
    fc.property(fc.array(outcomes, { minLength: 1, maxLength: 4 }), fc.nat(), fc.constantFrom(...damages), (all, at, damage) => {
      const format = all[0]?.format ?? 'junit';
      const same = all.filter((each) => each.format === format);
      const from = same.map((_, index) => `j${index}`);
      const gate = format === 'junit' ? tests(from, 3) : coverage(from);
      const items = same.map((each, index) => item(`j${index}`, format, found(format, each.text)));
      const hit = at % same.length;
      const before = judgeGate(gate, items);
      const damaged = items.map((each, index) => (index === hit ? { ...each, outcome: damage(same[hit]!) } : each));
      const dropped = items.filter((_, index) => index !== hit);
      expect(judgeGate(gate, damaged).kind).not.toBe('pass');
      expect(judgeGate(gate, dropped).kind).not.toBe('pass');
      // Order of collection decides nothing.
      expect(judgeGate(gate, items.toReversed()).kind).toBe(before.kind);
    }),
    { numRuns: 500 },
  );
});

test('the door of the room is exactly this', () => {
  expect(Object.keys(door).toSorted()).toEqual(['judgeGate', 'proveGate', 'reportOutcome']);
});
