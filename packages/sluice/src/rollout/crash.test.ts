import { expect, test } from 'vitest';
import { crashOf, describeCrash } from './crash.ts';
import { facts, healthy, upgrade } from './fixtures/upgrade.ts';
import { take, reading, watchAll, withInstances } from './fixtures/watched.ts';
import { rulesOf } from './simulated-traffic.ts';
import { decide } from './decide.ts';
import { describeReason } from './reason.ts';
import { unwatched } from './watch-progress.ts';

const exit = (code: number, at: number) =>
  ({ how: { kind: 'code', code }, at, lastLines: ['listening', 'panic: out of range', '  '] }) as const;

test('the last crash is told: who, how, how often over all instances, and the last line that says something', () => {
  const crash = crashOf([
    { ...healthy, name: 'api-1', restarts: 2, lastExit: exit(3, 10) },
    { ...healthy, name: 'api-2', state: 'exited', restarts: 0, lastExit: exit(9, 20) },
  ]);
  expect(crash).toMatchObject({ instance: 'api-2', how: { kind: 'code', code: 9 }, times: 3 });
  expect(describeCrash(crash!)).toBe('api-2 crashed with exit code 9, 3 crashes in all, saying "panic: out of range"');
  expect(crashOf([healthy])).toBeUndefined();
});

test('a line without an end is shown by its beginning', () => {
  const crash = crashOf([
    { ...healthy, state: 'exited', lastExit: { how: { kind: 'signal', signal: 'SIGABRT' }, at: 1, lastLines: ['x'.repeat(5_000)] } },
  ]);
  expect(describeCrash(crash!).length).toBeLessThan(220);
  expect(describeCrash(crash!)).toMatch(/^api-1 crashed with signal SIGABRT, saying "x+…"$/);
});

test('whatever rule ends a watch, the crash comes with its verdict', () => {
  const rules = rulesOf({ triggers: [{ kind: 'restarts', above: 1 }] });
  const readings = take(1, 3).map((sample) => reading(withInstances(sample, { ...healthy, restarts: 2, lastExit: exit(3, 1) })));
  expect(watchAll(readings, rules).verdict).toMatchObject({ kind: 'fail', rule: 'restarts', crash: { how: { code: 3 }, times: 2 } });
});

test('a version that never gets healthy because it crashes is told by its crash', () => {
  const verifying = { kind: 'running', epoch: 5, at: upgrade.phases.findIndex(({ kind }) => kind === 'verify'), watch: unwatched } as const;
  const instances = [{ ...healthy, state: 'exited', restarts: 4, note: 'exited with code 3', lastExit: exit(3, 1) }] as const;
  const { next } = decide(upgrade, verifying, { kind: 'verified', instances, smoke: [] });
  expect(next.kind === 'reverting' && describeReason(next.why)).toBe(
    'api-1 crashed with exit code 3, 5 crashes in all, saying "panic: out of range"; verify: 0 of 1 instances are healthy; api-1 is exited',
  );
});

test('a crash that was found only after the fault was decided is the cause all the same', () => {
  const why = {
    kind: 'fault',
    during: 'watch',
    fault: {
      kind: 'fail',
      rule: 'hard-errors',
      because: 'errors 50 %',
      numbers: { watchedMs: 1, samples: 1, candidate: { answers: 1, errors: 1 } },
    },
  } as const;
  const crash = crashOf([{ ...healthy, restarts: 1, lastExit: exit(3, 1) }])!;
  const { next } = decide(
    upgrade,
    { kind: 'reverting', why, ending: 'reverted', step: { kind: 'preserve' } },
    { kind: 'preserved', folder: `/kept/${facts.deployment}`, crash },
  );
  expect(next.kind === 'reverting' && describeReason(next.why)).toBe(
    'api-1 crashed with exit code 3, saying "panic: out of range"; errors 50 %',
  );
});
