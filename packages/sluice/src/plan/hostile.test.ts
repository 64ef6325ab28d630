import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { byHeader, defineDelivery, job, service } from '#define';
import { checkDelivery, plan, problemLine } from './index.ts';

const problems = (value: unknown): readonly string[] => {
  const result = checkDelivery(value);
  return result.ok ? [] : result.error.map(problemLine);
};

const valid = (): Record<string, unknown> => structuredClone({ ...defineDelivery({ name: 'x', jobs: { a: job({ run: 'true' }) } }) });

test('what a configuration may export instead of data becomes a problem, never a throw and never a call', () => {
  const cyclic: Record<string, unknown> = valid();
  cyclic['jobs'] = { a: cyclic };
  let called = 0;
  const getter = Object.defineProperty(valid(), 'jobs', {
    enumerable: true,
    get: () => {
      called += 1;
      return {};
    },
  });
  const throwing = new Proxy(valid(), {
    getOwnPropertyDescriptor: () => {
      throw new Error('boo');
    },
  });
  let deep: unknown = {};
  for (let at = 0; at < 10_000; at += 1) deep = { deep };
  expect(problems(cyclic)).toEqual(['jobs.a: the object holds itself']);
  expect(problems(getter)).toEqual(['jobs: computed by a getter. Write the value itself']);
  expect(called).toBe(0);
  expect(problems(throwing)).toEqual(['delivery: cannot be read: boo']);
  expect(
    problems(
      new Proxy(
        {},
        {
          ownKeys: () => {
            throw 'text';
          },
        },
      ),
    ),
  ).toEqual(['delivery: cannot be read: it throws']);
  expect(problems({ ...valid(), jobs: () => 1 })).toEqual(['jobs: a function is no data. Write the value itself']);
  expect(problems({ ...valid(), jobs: new Map() })).toEqual(['jobs: expected plain data, got an instance of a class']);
  expect(problems({ ...valid(), jobs: 10n })).toEqual(['jobs: a bigint is no data. Write the value itself']);
  expect(problems({ ...valid(), jobs: deep })[0]).toContain('nested deeper than 24 levels');
  expect(problems({ ...valid(), jobs: Array.from({ length: 1_000_000 }) })[0]).toContain('is no delivery');
  expect(problems({ ...valid(), jobs: Object.assign([], { length: 4_294_967_295 }) })[0]).toContain('is no delivery');
  expect(problems({ ...valid(), name: 'x'.repeat(2_000_000) })[0]).toContain('too long');
  expect(problems({ ...valid(), name: '\uD800' })).toEqual(['name: the text is not well-formed Unicode']);
});

test('nothing at all, and things that are no delivery, say what was expected', () => {
  for (const value of [undefined, null, 0, 'x', [], {}, Symbol('x')]) expect(problems(value).length).toBeGreaterThan(0);
  expect(problems({ ...valid(), jobs: JSON.parse('{"__proto__": {"steps": []}}') })[0]).toContain('"__proto__" is not a name');
  expect(problems({ ...valid(), jobs: { a: { ...job({ run: 'true' }), timeout: Number.NaN } } })).toEqual([
    'jobs.a.timeout: expected a duration such as minutes(5), got NaN',
  ]);
});

test('a value that changes while it is read is read once', () => {
  let reads = 0;
  const shifting = new Proxy(valid(), {
    getOwnPropertyDescriptor: (target, key) => {
      if (key === 'name') reads += 1;
      const found = Object.getOwnPropertyDescriptor(target, key);
      return found !== undefined && key === 'name' ? { ...found, value: reads > 1 ? 7 : 'x' } : found;
    },
  });
  // Object.keys itself asks once for each key: the copy sees the second answer, and nobody sees a third.
  const result = plan(shifting);
  expect(result.ok).toBe(false);
  expect(reads).toBe(2);
});

test('property: any JSON in any place gives a plan or problems with a path, and never throws', () => {
  const paths = [
    ['name'],
    ['jobs'],
    ['jobs', 'a'],
    ['jobs', 'a', 'steps'],
    ['jobs', 'a', 'needs'],
    ['jobs', 'a', 'matrix'],
    ['jobs', 'a', 'retry'],
    ['gates'],
    ['pipelines'],
    ['pipelines', 'default'],
    ['services'],
    ['environments'],
  ];
  fc.assert(
    fc.property(fc.constantFrom(...paths), fc.jsonValue(), (path, value) => {
      const delivery = valid();
      let at: Record<string, unknown> = delivery;
      for (const key of path.slice(0, -1)) at = at[key] as Record<string, unknown>;
      at[path.at(-1) ?? ''] = value;
      const result = plan(delivery);
      if (!result.ok) expect(result.error.length).toBeGreaterThan(0);
    }),
    { numRuns: 500 },
  );
});

test('a key that binds requests to a version has a name that can end no line, and is for requests', () => {
  const start = ['node', 'x.js'] as const;
  const withKey = (name: string, traffic: 'request' | 'connection' = 'request'): readonly string[] =>
    problems({ ...valid(), services: { api: service({ start, files: ['x.js'], traffic, sticky: byHeader(name) }) } });
  expect(withKey('x-account')).toEqual([]);
  for (const name of ['', 'a b', 'a:', 'a\r\nb', 'a=b', 'x'.repeat(101)]) expect(withKey(name)).toHaveLength(1);
  expect(withKey('x-account', 'connection')).toEqual([expect.stringContaining('a raw connection names nobody')]);
});
