import { expect, test } from 'vitest';
import { basisPoints, digestOf, minutes } from '#kernel';
import { whyNotWell, type SeenElsewhere } from './wellness.ts';

const now = Date.parse('2026-12-01T12:00:00.000Z');
const counters = { generation: 'g', answers: 0, errors: 0, inFlight: 0, sessions: 0, latency: [] };
const healthy = { name: 'api-1', state: 'healthy', restarts: 0, healthFailuresInARow: 0 } as const;

const well: SeenElsewhere = {
  live: {
    environment: 'staging',
    service: 'api',
    release: digestOf('r'),
    version: 'v1.0.0',
    deployment: 'd1',
    slot: 'green',
    since: '2026-12-01T11:00:00.000Z',
  },
  instances: 1,
  router: {
    kind: 'seen',
    seen: {
      service: 'staging/api',
      listen: { host: '127.0.0.1', port: 1 },
      epoch: 3,
      weights: { blue: basisPoints(0), green: basisPoints(10_000) },
      endpoints: { blue: [], green: [] },
      counters: { blue: counters, green: counters },
    },
  },
  slot: { kind: 'seen', seen: { service: 'staging/api', slot: 'green', key: 'd1', version: 'v1.0.0', instances: [healthy] } },
};

const withInstance = (change: object): SeenElsewhere =>
  well.slot.kind === 'seen'
    ? { ...well, slot: { kind: 'seen', seen: { ...well.slot.seen, instances: [{ ...healthy, ...change }] } } }
    : well;
const exit = (ago: number) => ({ lastExit: { how: { kind: 'code', code: 3 }, at: now - ago, lastLines: [] } });

test('live, healthy, with all traffic and without a crash is well', () => {
  expect(whyNotWell(well, minutes(0), now)).toBeUndefined();
  expect(whyNotWell(well, minutes(60), now)).toBeUndefined();
});

test.each<[string, SeenElsewhere, string]>([
  ['a router that is silent', { ...well, router: { kind: 'silent', because: 'gone' } }, 'its router does not answer: gone'],
  ['an agent that is silent', { ...well, slot: { kind: 'silent', because: 'gone' } }, 'its instances cannot be seen: gone'],
  [
    'another slot that serves',
    { ...well, live: { ...well.live, slot: 'blue' } },
    'it is said to be live, and its router gives it 0 % of the traffic',
  ],
  ['a slot that holds something else', { ...well, live: { ...well.live, deployment: 'd0' } }, 'its slot holds another deployment'],
  ['an instance too few', { ...well, instances: 2 }, '1 of 2 instances are healthy'],
  [
    'an instance that is down',
    withInstance({ state: 'exited', ...exit(1_000) }),
    '0 of 1 instances are healthy: api-1 is exited, its process ended with exit code 3',
  ],
  [
    'a crash half a minute ago',
    withInstance(exit(30_000)),
    'api-1 ended with exit code 3 at 2026-12-01T11:59:30.000Z; it counts as well after 1m without that',
  ],
])('%s is not well (I1)', (_, seen, because) => {
  expect(whyNotWell(seen, minutes(0), now)).toBe(because);
});

test('the declared time counts from going live, and from the last crash', () => {
  expect(whyNotWell(well, minutes(61), now)).toBe('it is live since 2026-12-01T11:00:00.000Z and has to be well for 1h 1m');
  expect(whyNotWell(withInstance(exit(minutes(5))), minutes(10), now)).toContain('it counts as well after 10m without that');
  expect(whyNotWell(withInstance(exit(minutes(11))), minutes(10), now)).toBeUndefined();
  // What it did before it was live was judged by its rollout.
  expect(whyNotWell(withInstance(exit(minutes(61))), minutes(60), now)).toBeUndefined();
});
