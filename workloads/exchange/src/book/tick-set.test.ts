import assert from 'node:assert/strict';
import { test } from 'node:test';
import { END_TICK, MAX_TICK, TickSet } from './tick-set.ts';

test('an empty set has nothing above and nothing below', () => {
  const set = new TickSet();
  assert.equal(set.above(0), END_TICK);
  assert.equal(set.below(MAX_TICK), 0);
});

test('neighbours are found across word and level borders, and forgotten when deleted', () => {
  const members = [1, 31, 32, 1023, 1024, 32_767, 32_768, MAX_TICK];
  const set = new TickSet();
  for (const tick of members) set.add(tick);
  assert.deepEqual(walk(set), members);
  set.delete(1024);
  set.delete(32);
  assert.equal(set.above(31), 1023);
  assert.equal(set.below(32_767), 1023);
});

test('adding twice is one membership', () => {
  const set = new TickSet();
  set.add(7);
  set.add(7);
  set.delete(7);
  assert.equal(set.above(0), END_TICK);
});

function walk(set: TickSet): readonly number[] {
  const found: number[] = [];
  for (let tick = set.above(0); tick !== END_TICK; tick = set.above(tick)) found.push(tick);
  const back: number[] = [];
  for (let tick = set.below(MAX_TICK); tick !== 0; tick = set.below(tick)) back.unshift(tick);
  assert.deepEqual(found, [...back, MAX_TICK]);
  return found;
}
