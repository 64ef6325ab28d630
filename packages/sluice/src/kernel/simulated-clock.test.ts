import { expect, test } from 'vitest';
import { SimulatedClock } from './index.ts';

test('sleepers wake in the order of their times, each with its work done before the next', async () => {
  const clock = new SimulatedClock();
  const seen: string[] = [];
  const sleeper = async (name: string, ms: number): Promise<void> => {
    await clock.sleep(ms);
    seen.push(`${name}@${clock.monotonic()}`);
  };
  const all = Promise.all([sleeper('late', 30), sleeper('early', 10), sleeper('middle', 20)]);
  await clock.advance(30);
  await all;
  expect(seen).toEqual(['early@10', 'middle@20', 'late@30']);
});

test('a jump of the wall clock moves records, not durations (I16)', async () => {
  const clock = new SimulatedClock(0);
  const asleep = clock.sleep(10);
  clock.jump(3_600_000);
  expect([clock.now(), clock.monotonic(), clock.sleeping]).toEqual([3_600_000, 0, 1]);
  await clock.advance(10);
  await asleep;
  expect(clock.now()).toBe(3_600_010);
});

test('an aborted sleep rejects and leaves no sleeper behind', async () => {
  const clock = new SimulatedClock();
  const controller = new AbortController();
  const asleep = clock.sleep(10, controller.signal);
  controller.abort(new Error('enough'));
  await expect(asleep).rejects.toThrow('enough');
  expect(clock.sleeping).toBe(0);
  expect(() => clock.sleep(1, controller.signal)).toThrow('enough');
});
