import { describe, expect, test } from 'vitest';
import { blueGreen, memory } from '#define';
import { seconds } from '#kernel';
import { observe, unwatched, watchRules, planRollout, type InstanceStatus, type WatchVerdict } from '#rollout';
import { facts } from '../src/rollout/fixtures/upgrade.ts';

const MiB = 2 ** 20;
const counters = { generation: 'g', answers: 0, errors: 0, inFlight: 0, sessions: 0, latency: [] };

/** A version that answers everything well, while its instance uses this much. */
function watch(policy: ReturnType<typeof blueGreen>, used: (second: number) => number | undefined): WatchVerdict {
  const plan = planRollout({ ...facts, policy, stable: { slot: 'blue', key: 'd0' } });
  const rules = watchRules(
    plan,
    plan.phases.findIndex(({ kind }) => kind === 'watch'),
  );
  let progress = unwatched;
  let verdict: WatchVerdict = { kind: 'continue' };
  for (let at = 0; at < 180_000 && verdict.kind === 'continue'; at += 50) {
    const memoryBytes = used(at / 1_000);
    const instance: InstanceStatus = {
      name: 'api-green-1',
      state: 'healthy',
      restarts: 0,
      healthFailuresInARow: 0,
      ...(memoryBytes === undefined ? {} : { usage: { memoryBytes, cpuMs: at / 10 } }),
    };
    const now = { ...counters, answers: at, latency: [at] };
    ({ progress, verdict } = observe(
      progress,
      { kind: 'sample', sample: { at, counters: { blue: now, green: now }, instances: [instance] } },
      rules,
    ));
  }
  return verdict;
}

describe('34 · long connections and memory are not watched', () => {
  test('a version that grows to 5 GB while every answer is good is taken back by the limits that everybody has', () => {
    const verdict = watch(blueGreen(), (second) => (120 + second * 100) * MiB);
    expect(verdict).toMatchObject({ kind: 'fail', rule: 'memory-growth' });
    expect(verdict.kind === 'fail' && verdict.because).toBe(
      'api-green-1 grew from 125 MiB to 2.1 GiB of memory (limit 3 times as much for 10s)',
    );
  });

  test('one that uses what it always used passes', () => {
    expect(watch(blueGreen(), () => 400 * MiB)).toMatchObject({ kind: 'pass' });
  });

  test('a declared limit is kept, also by a version that never grew', () => {
    const strict = blueGreen({ triggers: [memory({ above: '1GiB', for: seconds(5) })] });
    expect(watch(strict, () => 2_000 * MiB)).toMatchObject({
      kind: 'fail',
      rule: 'memory',
      because: expect.stringContaining('limit 1 GiB for 5s') as unknown,
    });
  });

  test('a declared limit that nobody measures lets nothing pass (I1)', () => {
    const strict = blueGreen({ triggers: [memory({ above: '1GiB', for: seconds(5) })] });
    expect(watch(strict, () => undefined)).not.toMatchObject({ kind: 'pass' });
  });
});
