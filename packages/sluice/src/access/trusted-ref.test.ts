import { expect, test } from 'vitest';
import { liesOn, secretRefusal, shortRefs } from './index.ts';

test.each([
  ['main', 'refs/heads/main', true],
  ['main', 'refs/heads/main/x', false],
  ['main', 'refs/heads/mainx', false],
  ['main', 'refs/remotes/origin/main', false],
  ['main', 'refs/tags/main', false],
  ['release/*', 'refs/heads/release/1.2', true],
  ['release/*', 'refs/heads/release/1.2/x', false],
  ['release/*', 'refs/heads/x/release/1.2', false],
  ['team/**', 'refs/heads/team/a/b', true],
  ['refs/tags/v*', 'refs/tags/v1.0.0', true],
  ['refs/tags/v*', 'refs/heads/tags/v1.0.0', false],
  ['refs/heads/main', 'refs/heads/refs/heads/main', false],
])('the pattern %s and the ref %s: %s', (pattern, ref, named) => {
  expect(liesOn([ref], [pattern])).toBe(named);
});

test('a commit on no ref is on none that is named, and no pattern names every ref', () => {
  expect([liesOn([], ['**']), liesOn(['refs/heads/x'], []), liesOn(['refs/pull/1/head'], ['*', '**'])]).toEqual([false, false, false]);
});

test('a secret is given to whom it is granted, where, and on the refs of the grant before those of the delivery (I11)', () => {
  const grants = new Map([
    ['A', { jobs: ['build'], services: ['api'], environments: ['production'] }],
    ['B', { jobs: ['build'], services: [], environments: [], refs: ['refs/tags/v*'] }],
  ]);
  const trust = { grants, refs: ['refs/heads/main'], protectedRefs: ['main'] };
  const job = { kind: 'job', job: 'build' } as const;
  const api = { kind: 'service', service: 'api', environment: 'production' } as const;
  expect(secretRefusal('A', job, trust)).toBeUndefined();
  expect(secretRefusal('A', api, trust)).toBeUndefined();
  expect(secretRefusal('B', job, trust)).toBe(
    'job "build" asks for the secret B, which only commits on refs/tags/v* are given; this one is on main',
  );
  for (const user of [
    { ...job, job: 'test' },
    { ...api, service: 'engine' },
    { ...api, environment: 'staging' },
  ])
    expect(secretRefusal('A', user, trust)).toContain('does not grant to it');
  for (const name of ['C', '__proto__', 'constructor']) expect(secretRefusal(name, job, trust)).toContain('does not grant to it');
  expect(shortRefs(['refs/heads/a', 'refs/remotes/origin/b', 'refs/tags/c'])).toBe('a, origin/b, refs/tags/c');
});
