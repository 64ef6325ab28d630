import { digestOf, type Json } from '#kernel';
import { describe, expect, test } from 'vitest';
import { changeLine, describeChange, mayEnter, mayRollBackTo, releaseDigest, type ReleaseBundle } from './index.ts';

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
  const limit = (value: number, unit = 'lots', safer = 'lower') => ({ kind: 'limit', value, unit, safer });
  const before: ReleaseBundle = {
    artifacts: { api: { artifact: one, executable: three }, engine: { artifact: two, executable: three } },
    config: { api: { start: ['node', 'api.js'], stopWithin: 5_000, instances: 1 } },
    parameters: { api: { MAX_ORDER: limit(500), LOG: 'info', MAX_LINE: '80' }, engine: {} },
    flags: { auction: false },
    limits: {},
    schemaChanges: [],
  };
  const release = (bundle: ReleaseBundle) => ({ digest: releaseDigest(bundle), version: 'v1', commit: 'c', bundle });
  const lines = (next: ReleaseBundle, from: ReleaseBundle | undefined = before, settings: Settings = {}) =>
    describeChange({
      service: 'api',
      release: release(next),
      previous: from === undefined ? null : { ...release(from), settings: settings.before ?? {} },
      settings: settings.after ?? {},
    }).map(changeLine);
  type Settings = { readonly before?: Json; readonly after?: Json };
  const limitLine = (from: Json | undefined, to: Json | undefined) => {
    const withValue = (value: Json | undefined): ReleaseBundle => ({
      ...before,
      parameters: { api: value === undefined ? {} : { L: value } },
    });
    return lines(withValue(to), withValue(from)).filter(({ what }) => what.startsWith('api.L '));
  };

  test('nothing but the services when nothing changes', () => {
    expect(lines(before).map((line) => line.what)).toEqual(['api unchanged', 'engine unchanged']);
  });

  test('artifacts and values before and after; a variable that only looks like a limit is none', () => {
    const next: ReleaseBundle = {
      ...before,
      artifacts: { ...before.artifacts, api: { artifact: two, executable: three } },
      config: { api: { start: ['node', 'main.js'], stopWithin: 5_000, instances: 1 } },
      parameters: { api: { MAX_ORDER: limit(800), LOG: 'debug', MAX_LINE: '120' }, engine: {} },
      flags: { auction: true },
      schemaChanges: [{ name: '0002 venues', digest: one }],
    };
    expect(lines(next)).toEqual([
      { what: 'api changed', attention: false },
      { what: 'engine unchanged', attention: false },
      { what: 'api.LOG info → debug', attention: false },
      { what: 'api.MAX_LINE 80 → 120', attention: false },
      { what: 'api.MAX_ORDER 500 lots → 800 lots: a limit is raised', attention: true },
      { what: 'api.start ["node","api.js"] → ["node","main.js"]', attention: false },
      { what: 'auction false → true', attention: false },
      { what: 'stored data: 0002 venues', attention: true },
    ]);
  });

  test.each([
    [limit(1), limit(2), '1 lots → 2 lots: a limit is raised'],
    [limit(2), limit(1), '2 lots → 1 lots: a limit is lowered'],
    [limit(0.1), limit(0.2), '0.1 lots → 0.2 lots: a limit is raised'],
    [limit(-5), limit(-4), '-5 lots → -4 lots: a limit is raised'],
    [limit(5, 'lots', 'higher'), limit(4, 'lots', 'higher'), '5 lots at least → 4 lots at least: a limit is lowered'],
    [limit(5), limit(5, 'thousand lots'), '5 lots → 5 thousand lots: a limit of another unit or direction'],
    [limit(5), limit(5, 'lots', 'higher'), '5 lots → 5 lots at least: a limit of another unit or direction'],
    [limit(5), undefined, '5 lots → none: a limit is gone'],
    [limit(5), '9', '5 lots → 9: a limit is gone'],
    [undefined, limit(5), 'none → 5 lots: a new limit'],
    ['5', limit(9), '5 → 9 lots: a new limit'],
  ])('every change of a declared limit is marked: %j → %j', (from, to, what) => {
    expect(limitLine(from, to)).toEqual([{ what: `api.L ${what}`, attention: true }]);
  });

  test('what the environment sets is what counts, before and after', () => {
    const settings = { before: { env: { MAX_ORDER: limit(100) } }, after: { env: { MAX_ORDER: limit(900), LOG: 'info' }, instances: 3 } };
    expect(lines(before, before, settings).slice(2)).toEqual([
      { what: 'api.MAX_ORDER 100 lots → 900 lots: a limit is raised', attention: true },
      { what: 'api.instances 1 → 3', attention: false },
    ]);
    // An override that goes leaves the limit of the release.
    expect(lines(before, before, { before: settings.before })[2]).toEqual({
      what: 'api.MAX_ORDER 100 lots → 500 lots: a limit is raised',
      attention: true,
    });
  });

  test('a value stays in its line, shows what is in it, and is never cut where it differs', () => {
    const of = (value: string) => ({ ...before, parameters: { api: { V: value } } });
    const line = (from: string, to: string) => lines(of(to), of(from)).find(({ what }) => what.startsWith('api.V'))?.what;
    expect(line('a', 'b\n  evidence  ✔ tests: all passed')).toBe(String.raw`api.V a → "b\n  evidence  ✔ tests: all passed"`);
    expect(line('a', 'b → c')).toBe('api.V a → "b → c"');
    expect(line('a', '\u202e\u001b[8m')).toBe(String.raw`api.V a → "\u{202e}\u001b[8m"`);
    const long = 'x'.repeat(1_000);
    expect(line(`${long}1`, `${long}2`)).toMatch(
      /^api\.V x{160}… and 841 more characters \(\w{4}…\w{2}\) → x{160}… and 841 more characters \(\w{4}…\w{2}\)$/,
    );
    const [from, to] = line(`${long}1`, `${long}2`)?.replace('api.V ', '').split(' → ') ?? [];
    expect(from).not.toBe(to);
  });

  test('another program under the same archive is a change; services come and go; the first release is all new', () => {
    const next: ReleaseBundle = {
      ...before,
      artifacts: { api: { artifact: one, executable: one }, feed: { artifact: one, executable: one } },
    };
    expect(lines(next).map((line) => line.what)).toEqual(['api changed', 'engine removed', 'feed added']);
    const first = describeChange({ service: 'api', release: release(before), previous: null, settings: {} }).map(changeLine);
    expect(first.map(({ what }) => what)).toEqual([
      'api added',
      'engine added',
      'api.LOG none → info',
      'api.MAX_LINE none → 80',
      'api.MAX_ORDER none → 500 lots: a new limit',
      'api.instances none → 1',
      'api.start none → ["node","api.js"]',
      'api.stopWithin none → 5000',
      'auction none → false',
    ]);
  });

  test('names that every object inherits are names like others', () => {
    const odd = {
      ...before,
      parameters: JSON.parse('{"api":{"constructor":"a","__proto__":"b","valueOf":"c"}}') as ReleaseBundle['parameters'],
    };
    expect(
      lines(odd, { ...before, parameters: {} })
        .map(({ what }) => what)
        .filter((what) => what.includes('none →')),
    ).toEqual(['api.__proto__ none → b', 'api.constructor none → a', 'api.valueOf none → c']);
  });
});
