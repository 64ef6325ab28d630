import { expect, test } from 'vitest';
import { digestOf, ok, type Result } from '#kernel';
import type { TargetProblem } from '#rollout';
import { problemBeforeStart, SharedMeasurement, type Measured } from './start-check.ts';

const measured = (changes: Partial<Measured> = {}): Measured =>
  ({
    order: { artifact: digestOf('artifact'), executable: digestOf('node') },
    artifact: digestOf('artifact'),
    executable: digestOf('node'),
    tree: '/trees/x',
    start: { path: '/usr/bin/node', programs: ['/usr/bin/node'] },
    ...changes,
  }) as Measured;

test('only what was placed may be started (I6)', () => {
  expect(problemBeforeStart(measured())).toBeUndefined();
  expect(problemBeforeStart(measured({ artifact: digestOf('other') }))).toMatch(/^not started: its artifact on disk was changed/);
  expect(problemBeforeStart(measured({ executable: digestOf('other') }))).toMatch(/^not started: \/usr\/bin\/node is .*, the release says/);
});

test('many that ask at once share a measurement, but never one that began before they asked', async () => {
  const begun: { readonly finish: (measured: Result<Measured, TargetProblem>) => void }[] = [];
  const shared = new SharedMeasurement(() => new Promise((finish) => begun.push({ finish })));
  const first = shared.take();
  await Promise.resolve();
  const later = [shared.take(), shared.take(), shared.take()];
  await Promise.resolve();
  expect(begun).toHaveLength(1);
  begun[0]?.finish(ok(measured({ tree: '/first' })));
  expect(await first).toMatchObject({ ok: true, value: { tree: '/first' } });
  await Promise.resolve();
  await Promise.resolve();
  expect(begun).toHaveLength(2);
  begun[1]?.finish(ok(measured({ tree: '/second' })));
  for (const answer of await Promise.all(later)) expect(answer).toMatchObject({ ok: true, value: { tree: '/second' } });
});

test('a measurement that fails does not keep the next one from being taken', async () => {
  let taken = 0;
  const shared = new SharedMeasurement(async () => {
    taken += 1;
    if (taken === 1) throw new Error('no descriptors left');
    return ok(measured());
  });
  await expect(shared.take()).rejects.toThrow('no descriptors left');
  expect(await shared.take()).toMatchObject({ ok: true });
});
