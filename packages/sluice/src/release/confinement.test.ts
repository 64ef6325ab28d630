import { expect, test } from 'vitest';
import type { Isolation } from '#kernel';
import { mayDeliver } from './index.ts';

const answer = (isolation: Isolation, approvals: readonly string[], expiresAt?: number, built?: Isolation): string => {
  const lease = expiresAt === undefined ? undefined : { expiresAt };
  const may = mayDeliver({ environment: 'production', service: 'api', isolation, built, approvals, lease, now: 1_000 });
  return may.ok ? may.value : may.error.code;
};

test.each([
  ['bubblewrap', [], undefined, 'confined'],
  ['bubblewrap', ['risk'], undefined, 'confined'],
  ['namespaces', ['risk'], undefined, 'confined'],
  ['none', [], undefined, 'unprotected'],
  ['none', ['risk'], undefined, 'conflict'],
  ['none', ['risk'], 1_001, 'lowered'],
  // I8: what lowers safety lapses by itself.
  ['none', ['risk'], 1_000, 'conflict'],
  ['none', ['risk'], 999, 'conflict'],
] as const)('with %s, approvals of [%s] and a lease until %s, a commit is %s', (isolation, approvals, lease, expected) => {
  expect(answer(isolation, approvals, lease)).toBe(expected);
});

test('what was built without a sandbox does not become good by one that came later', () => {
  expect(answer('bubblewrap', ['risk'], undefined, 'none')).toBe('conflict');
  expect(answer('bubblewrap', ['risk'], 1_001, 'none')).toBe('lowered');
  expect(answer('bubblewrap', [], undefined, 'none')).toBe('unprotected');
  expect(answer('bubblewrap', ['risk'], undefined, 'namespaces')).toBe('confined');
});

test('the refusal says what is in the way, and both ways out', () => {
  const may = mayDeliver({
    environment: 'production',
    service: 'api',
    isolation: 'none',
    built: undefined,
    approvals: ['risk'],
    lease: undefined,
    now: 0,
  });
  expect(may).toMatchObject({
    error: {
      message: 'api does not go to production, which asks for approvals: this machine has no sandbox for what a commit brings',
      hint: 'sluice doctor says what is in the way; for a while: sluice lease grant sandbox --environment production --reason "…"',
    },
  });
});
