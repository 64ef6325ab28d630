import { expect, test } from 'vitest';
import { digestOf, milliseconds, percent, SimulatedClock } from '#kernel';
import { plan, type Plan } from '#plan';
import { defineDelivery, job, junit, lcov, tests } from '#define';
import type { AttemptEnd, JobResult, ReportFile, RunResult } from '#run';
import { collectEvidence, concludePipeline, runPipeline, type GateOutcome, type PipelinePorts, type ReportReader } from './index.ts';

const passing = '<testsuites><testcase name="a"/><testcase name="b"/></testsuites>';
const failing = '<testsuites><testcase name="a"/><testcase name="b"><failure message="no"/></testcase></testsuites>';

function planned(): Plan {
  const made = plan(
    defineDelivery({
      name: 'sample',
      jobs: { unit: job({ run: ['true'], reports: [junit('reports/unit.xml')] }) },
      gates: { tests: tests({ from: ['unit'], minimum: 1 }) },
    }),
  );
  if (!made.ok) throw new Error(JSON.stringify(made.error));
  return made.value;
}

const kept = (text: string): ReportFile => ({
  kind: 'kept',
  report: junit('reports/unit.xml'),
  file: 'reports/unit.0.xml',
  digest: digestOf(text),
});
const passed = (reports: readonly ReportFile[]): JobResult => ({ kind: 'passed', durationMs: 1, attempts: [], reports });
const failed = (reports: readonly ReportFile[]): JobResult => ({
  kind: 'failed',
  failure: { kind: 'exit-code', code: 1, step: 1 },
  tail: '',
  durationMs: 1,
  attempts: [],
  reports,
});
const reader = (text: string): ReportReader => ({
  roots: ['/work/project'],
  read: async () => ({ kind: 'bytes', bytes: new TextEncoder().encode(text) }),
});

const runOf = (result: JobResult | undefined, outcome: RunResult['outcome'] = 'passed'): RunResult => ({
  runId: 'r',
  folder: '/r',
  outcome,
  durationMs: 1,
  jobs: new Map(result === undefined ? [] : [['unit', result]]),
});

test('a kept report is evidence, and its job ended well', async () => {
  const [item] = await collectEvidence(planned(), runOf(passed([kept(passing)])), reader(passing));
  expect(item).toMatchObject({ job: 'unit', jobEnded: 'well', outcome: { kind: 'evidence', evidence: { passed: 2 } } });
});

test.each([
  ['missing', passed([{ kind: 'missing', report: junit('reports/unit.xml') }]), 'missing'],
  ['stale', passed([{ kind: 'stale', report: junit('reports/unit.xml'), modifiedAt: '2026-11-21T00:00:00.000Z' }]), 'stale'],
  ['unreadable', passed([{ kind: 'unreadable', report: junit('reports/unit.xml'), because: 'EACCES' }]), 'unreadable'],
  ['of a job that was skipped', { kind: 'skipped', because: 'compile failed' } satisfies JobResult, 'missing'],
  ['of a job without a result', undefined, 'missing'],
  ['that its job does not list', passed([]), 'missing'],
] as const)('a report that is %s is no evidence (I1)', async (_, result, kind) => {
  const [item] = await collectEvidence(planned(), runOf(result), reader(passing));
  expect(item?.outcome.kind).toBe(kind);
});

test('a kept report that cannot be read again is no evidence (I1)', async () => {
  const broken: ReportReader = { roots: [], read: async () => ({ kind: 'unreadable', message: 'EIO' }) };
  const [item] = await collectEvidence(planned(), runOf(passed([kept(passing)])), broken);
  expect(item?.outcome).toEqual({ kind: 'unreadable', message: 'reports/unit.xml: EIO' });
});

test('a file that two jobs covered is one file, whether they named it from the place where walls show the project, or relative to it', async () => {
  const made = plan(
    defineDelivery({
      name: 'sample',
      jobs: {
        one: job({ run: ['true'], reports: [lcov('one.info')] }),
        two: job({ run: ['true'], reports: [lcov('two.info')] }),
      },
    }),
  );
  if (!made.ok) throw new Error(JSON.stringify(made.error));
  const texts: Readonly<Record<string, string>> = {
    'one.info': 'SF:/work/project/src/a.ts\nDA:1,1\nend_of_record\nSF:/work/projects/b.ts\nDA:1,1\nend_of_record\n',
    'two.info': 'SF:src/a.ts\nDA:1,0\nend_of_record\n',
  };
  const keptAt = (path: string): JobResult =>
    passed([{ kind: 'kept', report: lcov(path), file: path, digest: digestOf(texts[path] ?? '') }]);
  const run: RunResult = {
    ...runOf(undefined),
    jobs: new Map([
      ['one', keptAt('one.info')],
      ['two', keptAt('two.info')],
    ]),
  };
  const items = await collectEvidence(made.value, run, {
    roots: ['/work/project'],
    read: async (file) => ({ kind: 'bytes', bytes: new TextEncoder().encode(texts[file]) }),
  });
  const files = items.map(({ outcome }) =>
    outcome.kind === 'evidence' && outcome.evidence.kind === 'coverage' ? outcome.evidence.files.map((file) => file.path) : [],
  );
  expect(files).toEqual([['src/a.ts', '/work/projects/b.ts'], ['src/a.ts']]);
});

const gate = (kind: 'pass' | 'fail' | 'inconclusive'): GateOutcome => ({
  gate: kind,
  verdict: { kind, because: `said ${kind}`, evidence: [] },
  policy: digestOf('policy'),
  digest: digestOf(kind),
});

test.each([
  ['passed', [gate('pass')], 'pass'],
  ['passed', [gate('pass'), gate('inconclusive')], 'inconclusive'],
  ['passed', [gate('inconclusive'), gate('fail')], 'fail'],
  ['failed', [gate('pass')], 'fail'],
  ['cancelled', [gate('pass')], 'inconclusive'],
  ['cancelled', [gate('fail')], 'fail'],
  ['unknown-effect', [gate('pass')], 'inconclusive'],
  ['passed', [], 'pass'],
] as const)('a run that %s with its gates comes to one verdict', (outcome, gates, verdict) => {
  expect(concludePipeline(runOf(passed([]), outcome), gates).verdict).toBe(verdict);
});

test('the reason of a verdict names the job or the gate', () => {
  expect(concludePipeline(runOf(failed([]), 'failed'), []).because).toBe('job unit: step 1 ended with exit code 1');
  expect(concludePipeline(runOf(passed([])), [gate('pass'), gate('fail')]).because).toBe('gate fail: said fail');
});

test('a job that ends well with failing tests in its report does not pass (R-GATE-02)', async () => {
  const outcome = await runPipeline(planned(), ports({ kind: 'succeeded' }, failing), options());
  expect([outcome.run.outcome, outcome.verdict]).toEqual(['passed', 'fail']);
});

test('gates are judged also when a job failed: a person wants to know both', async () => {
  const outcome = await runPipeline(
    planned(),
    ports({ kind: 'failed', failure: { kind: 'exit-code', code: 1, step: 1 }, tail: '' }, failing),
    options(),
  );
  expect(outcome.verdict).toBe('fail');
  expect(outcome.gates[0]?.verdict).toMatchObject({ kind: 'fail', because: expect.stringContaining('1 of 2 failed') as unknown });
});

test('the digest of a gate names its policy, its verdict and what was judged', async () => {
  const one = await runPipeline(planned(), ports({ kind: 'succeeded' }, passing), options());
  const other = await runPipeline(planned(), ports({ kind: 'succeeded' }, passing.replace('"b"', '"c"')), options());
  expect(one.gates[0]?.policy).toBe(other.gates[0]?.policy);
  expect(one.gates[0]?.digest).not.toBe(other.gates[0]?.digest);
});

/** Ports of a run whose one job ends as told and leaves this report. */
function ports(end: AttemptEnd, report: string): PipelinePorts {
  return {
    clock: new SimulatedClock(),
    executor: { attempt: async () => ({ end, leftovers: 0 }), missing: () => [] },
    services: {
      start: async () => ({ ok: true, value: { env: {}, died: new Promise<never>(() => undefined), stop: async () => undefined } }),
    },
    folder: {
      path: '/r',
      append: () => undefined,
      sync: async () => undefined,
      logFile: () => '/r/log',
      keepReports: async () => [kept(report)],
      writeRecord: async () => undefined,
    },
    effects: { begin: async () => ({ ok: true, value: undefined }), end: async () => undefined, unresolved: async () => [] },
    reports: reader(report),
  };
}

const options = (): Parameters<typeof runPipeline>[2] => ({
  runId: 'r',
  commit: 'c',
  parallel: 1,
  onFailure: 'fail-fast',
  secrets: {},
  output: 'file',
  signal: new AbortController().signal,
  onEvent: () => undefined,
});

test('shares and durations of a plan survive the pipeline as they were written', () => {
  expect(planned().gates[0]?.gate).toMatchObject({ maximumSkipped: percent(10) });
  expect(planned().jobs[0]?.timeout).toBeGreaterThan(milliseconds(0));
});
