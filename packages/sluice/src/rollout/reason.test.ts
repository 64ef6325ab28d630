import { expect, test } from 'vitest';
import { describeReason, type Reason, worthRepeating } from './reason.ts';

const latch = { at: '2026-11-21T03:00:00.000Z', by: 'erin', reason: 'slow' };
const numbers = { watchedMs: 1, samples: 1, candidate: { answers: 1, errors: 1 } };

test.each<[Reason, string]>([
  [
    { kind: 'problem', during: 'prepare', problem: { kind: 'target', problem: { kind: 'slot-busy', message: 'green runs d0' } } },
    'prepare: target: green runs d0',
  ],
  [
    { kind: 'problem', during: 'attest', problem: { kind: 'attestation', message: 'green-1 runs another artifact' } },
    'attest: green-1 runs another artifact',
  ],
  [
    { kind: 'problem', during: 'shift', problem: { kind: 'router', refusal: { kind: 'unknown-service' } } },
    'shift: router: does not know this service',
  ],
  [
    { kind: 'problem', during: 'shift', problem: { kind: 'router', refusal: { kind: 'stale-epoch', epoch: 8 } } },
    'shift: router: epoch is 8 now',
  ],
  [
    { kind: 'problem', during: 'shift', problem: { kind: 'router', refusal: { kind: 'latched', epoch: 8, latch } } },
    'shift: router: latched at epoch 8 by erin: slow',
  ],
  [
    { kind: 'problem', during: 'shift', problem: { kind: 'router', refusal: { kind: 'port-in-use', port: 80 } } },
    'shift: router: port 80 is in use',
  ],
  [
    { kind: 'problem', during: 'shift', problem: { kind: 'router', refusal: { kind: 'nothing-to-revert-to' } } },
    'shift: router: has nothing to revert to',
  ],
  [{ kind: 'fault', during: 'watch', fault: { kind: 'fail', rule: 'hard-errors', because: 'errors 50 %', numbers } }, 'errors 50 %'],
  [{ kind: 'inconclusive', during: 'watch', because: 'silence' }, 'watch could not decide: silence'],
  [{ kind: 'deadline', during: 'verify' }, 'verify did not end within its deadline'],
  [{ kind: 'asked', by: 'erin', reason: 'slow' }, 'asked by erin: slow'],
  [{ kind: 'latched', latch }, 'reverted at the router by erin: slow'],
  [{ kind: 'superseded', epoch: 9 }, 'another rollout took the router at epoch 9'],
])('a reason is one line for people: %j', (reason, line) => {
  expect(describeReason(reason)).toBe(line);
});

test('only what may pass by itself is worth repeating', () => {
  const target = (kind: 'unreachable' | 'digest-mismatch'): boolean => worthRepeating({ kind: 'target', problem: { kind, message: '' } });
  expect([target('unreachable'), target('digest-mismatch')]).toEqual([true, false]);
  expect(worthRepeating({ kind: 'router', refusal: { kind: 'unreachable', message: '' } })).toBe(true);
  expect(worthRepeating({ kind: 'router', refusal: { kind: 'not-durable', message: 'disk full' } })).toBe(true);
  expect(worthRepeating({ kind: 'router', refusal: { kind: 'unknown-service' } })).toBe(false);
  expect(worthRepeating({ kind: 'attestation', message: '' })).toBe(false);
});
