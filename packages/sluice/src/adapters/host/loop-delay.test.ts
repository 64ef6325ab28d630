import { expect, test } from 'vitest';
import { systemClock, watchLoopDelay } from './index.ts';

test('a process that was held up is told how long, and one that was not is told nothing', async () => {
  const stop = new AbortController();
  const heard: number[] = [];
  const watching = watchLoopDelay(systemClock, { alarmAtMs: 200, everyMs: 20 }, stop.signal, (ms) => {
    heard.push(ms);
    stop.abort();
  });
  await systemClock.sleep(30);
  const until = performance.now() + 300;
  while (performance.now() < until);
  await watching;
  expect(heard[0]).toBeGreaterThanOrEqual(200);
});
