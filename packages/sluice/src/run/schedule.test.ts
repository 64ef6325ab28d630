import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { digestOf, minutes } from '#kernel';
import type { PlannedJob } from '#plan';
import type { JobResult } from './job-result.ts';
import { nextJobs, type OnFailure } from './schedule.ts';

const job = (name: string, needs: readonly string[]): PlannedJob => ({
  name,
  job: name,
  cell: {},
  steps: ['true'],
  needs,
  env: {},
  secrets: [],
  services: {},
  inputs: [],
  outputs: [],
  reports: [],
  timeout: minutes(1),
  retry: { attempts: 1, on: [] },
  effect: false,
  definition: digestOf(name),
});

const passed: JobResult = { kind: 'passed', durationMs: 1, attempts: [], reports: [] };
const failed: JobResult = {
  kind: 'failed',
  failure: { kind: 'exit-code', code: 1, step: 1 },
  tail: '',
  durationMs: 1,
  attempts: [],
  reports: [],
};

/** Jobs in an order where each needs only earlier ones, and which of them fail. */
const graphs = fc
  .array(fc.record({ needs: fc.array(fc.nat(), { maxLength: 3 }), fails: fc.boolean() }), { minLength: 1, maxLength: 20 })
  .map((nodes) =>
    nodes.map(({ needs, fails }, at) => ({
      fails: fails && at % 3 === 0,
      job: job(`j${at}`, at === 0 ? [] : [...new Set(needs.map((need) => `j${need % at}`))]),
    })),
  );

type Step = { readonly started: readonly string[]; readonly results: ReadonlyMap<string, JobResult> };

/** Plays a run: `pick` chooses which running job ends next. */
function play(
  graph: readonly { readonly fails: boolean; readonly job: PlannedJob }[],
  parallel: number,
  onFailure: OnFailure,
  pick: readonly number[],
) {
  const results = new Map<string, JobResult>();
  const running: string[] = [];
  let pending: readonly PlannedJob[] = graph.map((node) => node.job);
  const steps: Step[] = [];
  for (let turn = 0; ; turn += 1) {
    const failure = [...results].find(([, result]) => result.kind === 'failed')?.[0];
    const { start, skip } = nextJobs({ pending, results, failed: failure, running: running.length }, { parallel, onFailure });
    for (const { job: skipped, because } of skip) results.set(skipped.name, { kind: 'skipped', because });
    const gone = new Set([...start, ...skip.map((each) => each.job)]);
    pending = pending.filter((each) => !gone.has(each));
    steps.push({ started: start.map((each) => each.name), results: new Map(results) });
    running.push(...start.map((each) => each.name));
    expect(running.length).toBeLessThanOrEqual(parallel);
    if (running.length === 0) return { results, steps, pending };
    const [ended = ''] = running.splice((pick[turn % pick.length] ?? 0) % running.length, 1);
    results.set(ended, graph.find((node) => node.job.name === ended)?.fails === true ? failed : passed);
  }
}

describe('R-RUN-01: the scheduler', () => {
  test.each<OnFailure>(['keep-going', 'fail-fast'])(
    'with %s gives every job one result, and starts a job only after all it needs passed',
    (onFailure) => {
      fc.assert(
        fc.property(graphs, fc.integer({ min: 1, max: 4 }), fc.array(fc.nat(), { minLength: 1 }), (graph, parallel, pick) => {
          const { results, steps, pending } = play(graph, parallel, onFailure, pick);
          expect(pending).toEqual([]);
          expect(results.size).toBe(graph.length);
          const starts = steps.flatMap((step) => step.started);
          expect(new Set(starts).size).toBe(starts.length);
          for (const step of steps) {
            for (const name of step.started) {
              const { needs } = graph.find((node) => node.job.name === name)!.job;
              for (const need of needs) expect(step.results.get(need)?.kind).toBe('passed');
              if (onFailure === 'fail-fast') expect([...step.results.values()].some((result) => result.kind === 'failed')).toBe(false);
            }
          }
          if (onFailure === 'keep-going') {
            // Everything that does not depend on a failure ran.
            const doomed = new Set(graph.filter((node) => node.fails).map((node) => node.job.name));
            for (const { job: each } of graph) if (each.needs.some((need) => doomed.has(need))) doomed.add(each.name);
            for (const { job: each, fails } of graph) {
              expect(results.get(each.name)?.kind).toBe(
                !doomed.has(each.name) ? 'passed' : fails && !each.needs.some((need) => doomed.has(need)) ? 'failed' : 'skipped',
              );
            }
          }
        }),
      );
    },
  );

  test('starts a job when its own needs are met, not when a level is done', () => {
    const jobs = [job('slow', []), job('quick', []), job('after-quick', ['quick'])];
    const { start } = nextJobs(
      { pending: [jobs[2]!], results: new Map([['quick', passed]]), failed: undefined, running: 1 },
      { parallel: 2, onFailure: 'keep-going' },
    );
    expect(start.map((each) => each.name)).toEqual(['after-quick']);
  });

  test('says why a job was skipped', () => {
    const results = new Map([['a', failed]]);
    const pending = [job('b', ['a']), job('c', ['b'])];
    expect(
      nextJobs({ pending, results, failed: 'a', running: 0 }, { parallel: 1, onFailure: 'keep-going' }).skip.map((each) => each.because),
    ).toEqual(['it needs "a", which did not pass', 'it needs "b", which did not pass']);
  });
});
