import { expect, test } from 'vitest';
import { watchLoopDelay } from './index.ts';

test('a process that was held up is told how long, and one that was not is told nothing', async () => {
  const stop = new AbortController();
  const heard: number[] = [];
  // A clock on which the third sleep lasts for a second more than was asked for.
  let now = 0;
  let sleeps = 0;
  const clock = {
    now: () => now,
    monotonic: () => now,
    sleep: async (ms: number) => {
      sleeps += 1;
      now += sleeps === 3 ? ms + 1_000 : ms + 4;
      if (sleeps === 5) stop.abort();
    },
  };
  await watchLoopDelay(clock, { alarmAtMs: 500, everyMs: 100 }, stop.signal, (ms) => heard.push(ms));
  expect(heard).toEqual([1_000]);
});
