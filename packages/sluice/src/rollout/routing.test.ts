import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { basisPoints } from '#kernel';
import type { RouterRefusal, Weights } from './ports.ts';
import {
  afterFact,
  allTo,
  emptyRoutingTable,
  movingWeight,
  reverting,
  takingEpoch,
  type RoutingFact,
  type RoutingTable,
} from './routing.ts';
import type { Result } from '#kernel';

const api = 'production/api' as const;
const declared: RoutingFact = { type: 'declared', service: api, traffic: 'request', listen: { host: '127.0.0.1', port: 80 } };
const split = (green: number): Weights => ({ blue: basisPoints(10_000 - green), green: basisPoints(green) });

type Command =
  | { readonly kind: 'take'; readonly after: number }
  | { readonly kind: 'route'; readonly epoch: number; readonly green: number }
  | { readonly kind: 'revert'; readonly id: string };

const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ kind: fc.constant('take' as const), after: fc.nat(6) }),
  fc.record({ kind: fc.constant('route' as const), epoch: fc.nat(6), green: fc.integer({ min: 0, max: 10_000 }) }),
  fc.record({ kind: fc.constant('revert' as const), id: fc.constantFrom('a', 'b', 'c') }),
);

function decide(table: RoutingTable, given: Command): Result<RoutingFact | undefined, RouterRefusal> {
  switch (given.kind) {
    case 'take':
      return takingEpoch(table, api, given.after);
    case 'route':
      return movingWeight(table, api, { epoch: given.epoch, weights: split(given.green), revertTo: 'blue' });
    default:
      return reverting(table, api, { id: given.id, by: 'ada', reason: 'errors', at: '2026-01-01T00:00:00.000Z' });
  }
}

function factsOf(commands: readonly Command[]): readonly RoutingFact[] {
  const facts: RoutingFact[] = [declared];
  let table = afterFact(emptyRoutingTable, declared);
  for (const given of commands) {
    const decided = decide(table, given);
    if (!decided.ok || decided.value === undefined) continue;
    facts.push(decided.value);
    table = afterFact(table, decided.value);
  }
  return facts;
}

const fold = (facts: readonly RoutingFact[]): RoutingTable => facts.reduce(afterFact, emptyRoutingTable);

describe('the rules of routers', () => {
  test('I14: whatever is commanded in whatever order, the epoch never goes back', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 40 }), (commands) => {
        let epoch = 0;
        const facts = factsOf(commands);
        for (let length = 1; length <= facts.length; length += 1) {
          const now = fold(facts.slice(0, length)).services.get(api)?.epoch ?? -1;
          expect(now).toBeGreaterThanOrEqual(epoch);
          epoch = now;
        }
      }),
    );
  });

  test('I14: while latched all traffic is where the revert sent it', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 40 }), (commands) => {
        const facts = factsOf(commands);
        for (let length = 1; length <= facts.length; length += 1) {
          const routing = fold(facts.slice(0, length)).services.get(api);
          if (routing?.latch !== undefined) expect(routing.weights).toEqual(allTo('blue'));
        }
      }),
    );
  });

  test('I4: a journal in which every line was written twice gives the same table', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 40 }), (commands) => {
        const facts = factsOf(commands);
        expect(fold(facts.flatMap((fact) => [fact, fact]))).toEqual(fold(facts));
      }),
    );
  });

  test('I14: a move that was being written when a revert came stays out, in either order of the lines', () => {
    const start = fold([
      declared,
      { type: 'epoch-taken', service: api, epoch: 1 },
      { type: 'routed', service: api, epoch: 1, weights: split(500), revertTo: 'blue' },
    ]);
    const move: RoutingFact = { type: 'routed', service: api, epoch: 1, weights: split(10_000), revertTo: 'blue' };
    const back = reverting(start, api, { id: 'r', by: 'ada', reason: 'errors', at: '2026-01-01T00:00:00.000Z' });
    if (!back.ok || back.value === undefined) throw new Error('not reverted');
    for (const facts of [
      [move, back.value],
      [back.value, move],
    ]) {
      const after = facts.reduce(afterFact, start).services.get(api);
      expect([after?.weights, after?.epoch, after?.latch?.by]).toEqual([allTo('blue'), 2, 'ada']);
    }
  });
});
