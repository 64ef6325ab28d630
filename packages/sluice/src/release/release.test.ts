import { digestOf } from '#kernel';
import { describe, expect, test } from 'vitest';
import { changeLine, describeChange, mayEnter, mayRollBackTo, type ReleaseBundle } from './index.ts';

const [one, two, three] = [digestOf('1'), digestOf('2'), digestOf('3')];
const record = (release: typeof one, environment = 'production', service = 'api') => ({ release, environment, service });
const wanted = (release: typeof one) => ({ release, service: 'api', environment: 'production' });

describe('going back to an earlier release', () => {
  const history = [record(two), record(one), record(three, 'staging'), record(three, 'production', 'engine')];

  test('needs no new approval when it was live here before', () => {
    expect(mayRollBackTo(history, wanted(one))).toEqual({ kind: 'allowed' });
  });

  test('needs approvals when it was live only elsewhere, or as another service, or never', () => {
    expect(mayRollBackTo(history, wanted(three)).kind).toBe('needs-approval');
    expect(mayRollBackTo(history, wanted(digestOf('4'))).kind).toBe('needs-approval');
    expect(mayRollBackTo([], wanted(one)).kind).toBe('needs-approval');
  });

  test('is nothing to do when it is live already', () => {
    expect(mayRollBackTo(history, wanted(two)).kind).toBe('live-already');
  });
});

test('a release enters an environment only when the same release of the same service is live in those before it', () => {
  const order = { ...wanted(one), after: ['staging'] };
  expect(mayEnter(order, [record(one, 'staging')]).ok).toBe(true);
  expect(mayEnter({ ...order, after: [] }, []).ok).toBe(true);
  for (const live of [[], [record(two, 'staging')], [record(one, 'staging', 'engine')], [record(one, 'test')]]) {
    expect(mayEnter(order, live)).toMatchObject({
      ok: false,
      error: { message: expect.stringContaining('it is not live in staging') as string },
    });
  }
});

describe('what changes, for the approver', () => {
  const before: ReleaseBundle = {
    artifacts: { api: { artifact: one, executable: three }, engine: { artifact: two, executable: three } },
    config: { api: { start: ['node', 'api.js'], stopWithin: 5_000 } },
    parameters: { api: { MAX_ORDER_SIZE: '500', LOG: 'info', PRICE_LIMIT: '10' } },
    flags: { auction: false },
    limits: { 'risk.gross': 100, 'risk.net': 10 },
    schemaChanges: [],
  };
  const lines = (next: ReleaseBundle, previous: ReleaseBundle | undefined = before) => describeChange(previous, next).map(changeLine);

  test('nothing but the services when nothing changes', () => {
    expect(lines(before).map((line) => line.what)).toEqual(['api unchanged', 'engine unchanged']);
  });

  test('artifacts, values before and after, and a raised limit that calls for attention', () => {
    const next: ReleaseBundle = {
      artifacts: { ...before.artifacts, api: { artifact: two, executable: three } },
      config: { api: { start: ['node', 'main.js'], stopWithin: 5_000 } },
      parameters: { api: { MAX_ORDER_SIZE: '800', LOG: 'debug', PRICE_LIMIT: '9' } },
      flags: { auction: true },
      limits: { 'risk.gross': 90 },
      schemaChanges: [{ name: '0002 venues', digest: one }],
    };
    expect(lines(next)).toEqual([
      { what: 'api changed', attention: false },
      { what: 'engine unchanged', attention: false },
      { what: 'risk.gross 100 → 90: a limit is lowered', attention: false },
      { what: 'risk.net 10 → none: a limit is raised', attention: true },
      { what: 'api.LOG info → debug', attention: false },
      { what: 'api.MAX_ORDER_SIZE 500 → 800: a limit is raised', attention: true },
      { what: 'api.PRICE_LIMIT 10 → 9: a limit is lowered', attention: false },
      { what: 'auction false → true', attention: false },
      { what: 'api.start ["node","api.js"] → ["node","main.js"]', attention: false },
      { what: 'stored data: 0002 venues', attention: true },
    ]);
  });

  test('another program under the same archive is a change; services come and go; the first release is all new', () => {
    const next: ReleaseBundle = {
      ...before,
      artifacts: { api: { artifact: one, executable: one }, feed: { artifact: one, executable: one } },
    };
    expect(lines(next).map((line) => line.what)).toEqual(['api changed', 'engine removed', 'feed added']);
    expect(
      describeChange(undefined, before)
        .slice(0, 2)
        .map((change) => changeLine(change).what),
    ).toEqual(['api added', 'engine added']);
    expect(describeChange(undefined, before)).toHaveLength(10);
  });
});
