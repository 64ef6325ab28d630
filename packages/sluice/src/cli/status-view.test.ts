import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import type { StatusWire } from '#server';
import { statusLines } from './status-view.ts';
import { Terminal } from './terminal.ts';
import { columnsOf } from './text.ts';

const terminalOf = (columns: number): Terminal => {
  const out = Object.assign(new PassThrough(), { isTTY: true, columns, rows: 50 }) as unknown as NodeJS.WriteStream;
  return new Terminal({ out, err: out }, { NO_COLOR: '1' });
};

const digest = `sha256:${'7c'.repeat(32)}` as const;
const slot = { answers: 10_000, errors: 231, inFlight: 0, sessions: 0, p50: 440, p99: 38_000 };

const status: StatusWire = {
  service: 'market-data-gateway',
  environment: 'production',
  listen: '127.0.0.1:41231',
  live: { version: 'v1.1.0', release: digest, since: '2026-12-01T04:00:00.000Z', slot: 'blue' },
  router: { reachable: true, epoch: 7, latch: { at: '2026-12-01T04:09:00.000Z', by: 'erin', reason: 'p99 \u001b[2Jlooks wrong' } },
  slots: [
    { slot: 'blue', version: 'v1.1.0', weightBasisPoints: 9_500, ...slot, p99: 1_900, errors: 0, instances: [] },
    {
      slot: 'green',
      version: 'v1.2.0-rc.1+build.77',
      weightBasisPoints: 500,
      ...slot,
      instances: [
        {
          name: 'market-data-gateway-green-1',
          state: 'exited',
          restarts: 3,
          note: 'exited with code 3',
          exit: 'exit code 3',
          lastLines: ['listening', 'panic: runtime error: index out of range [7] with length 3'],
          memoryBytes: 3 * 2 ** 30,
        },
      ],
    },
  ],
  rollout: {
    id: 'r',
    deployment: 'd',
    version: 'v1.2.0-rc.1+build.77',
    candidate: 'green',
    state: 'running',
    detail: 'watch, step 1 of 3',
    startedAt: '2026-12-01T04:08:00.000Z',
    awaits: 'watch at 5 %, 12 of 100 answers, waits up to 4m 20s for more, then goes back',
    phases: ['prepare', 'attest', 'verify', 'shift', 'watch'].map((kind, at) => ({
      kind,
      state: at < 4 ? 'done' : 'running',
      began: at * 1_000,
    })),
  },
  waiting: {
    deployment: '01KB2QH8ZJ5T7X9V3M1N0P4R6S',
    wanted: 'v1.3.0',
    version: 'v1.3.0',
    state: 'waiting-approval',
    detail: 'waits for risk and trading to approve release 7c7c…7c (v1.3.0)',
    missing: ['risk', 'trading'],
    since: '2026-12-01T04:10:00.000Z',
    by: 'erin',
  },
  last: {
    deployment: '01KB2QH8ZJ5T7X9V3M1N0P4R6T',
    state: 'reverted',
    detail: 'v1.2.0 was taken back: asked by erin: slow',
    at: '2026-12-01T03:10:00.000Z',
    by: 'dana',
  },
  pendingReverts: 1,
};

test.each([60, 80, 200])('at %i columns nothing is cut, nothing runs over, and every number is there', (columns) => {
  const lines = statusLines(terminalOf(columns), status, { blue: 1_204, green: 63 });
  expect(lines.filter((line) => columnsOf(line) > columns)).toEqual([]);
  const whole = lines.join(' ').replaceAll(/\s+/g, ' ');
  for (const part of ['errors 2.31 %', 'p99 38.0 ms', '95 %', '5 %', '1204/s', '12 of 100 answers', 'waits up to 4m 20s for more'])
    expect(whole).toContain(part);
});

test.each([60, 200])(
  'at %i columns what waits is shown: for whom, since when, by whom asked, and how it is approved or ended',
  (columns) => {
    const whole = statusLines(terminalOf(columns), status).join(' ').replaceAll(/\s+/g, ' ');
    expect(whole).toContain('v1.3.0: waits for risk and trading to approve');
    expect(whole).toContain(
      'since 2026-12-01 04:10 UTC, asked for by erin → sluice approve 01KB2QH8ZJ5T7X9V3M1N0P4R6S; sluice cancel 01KB2QH8ZJ5T7X9V3M1N0P4R6S',
    );
    expect(whole).toContain('2026-12-01 03:10 UTC: v1.2.0 was taken back: asked by erin: slow');
    expect(whole).not.toContain('sluice revert');
  },
);

test('a crash is told by how it ended and what it said, and words of others move no cursor', () => {
  const lines = statusLines(terminalOf(200), status);
  const whole = lines.join('\n');
  expect(whole).toContain('market-data-gateway-green-1 is exited after 3 restarts: its process ended with exit code 3');
  expect(whole).toContain('panic: runtime error: index out of range [7] with length 3');
  expect(whole).toContain('p99 \\u{1b}[2Jlooks wrong');
  expect(whole).not.toContain('\u001b');
});
