import { expect, test } from 'vitest';
import { closure, cycles, inOrder, type Needs } from './order.ts';

/** Each needs the next one; the last needs `end`. */
const chain = (length: number, end: readonly string[]): Needs =>
  new Map(Array.from({ length }, (_, at) => [`j${at}`, at === length - 1 ? end : [`j${at + 1}`]]));

test('a chain of a hundred thousand is ordered without running out of stack', () => {
  const needs = chain(100_000, []);
  expect(inOrder(needs)[0]).toBe('j99999');
  expect(cycles(needs)).toEqual([]);
  expect(closure(['j0'], needs).size).toBe(100_000);
});

test('cycles that share no name are all found, each from the name that was declared first', () => {
  const needs = new Map([
    ['a', ['b', 'x']],
    ['b', ['a']],
    ['x', ['y']],
    ['y', ['z']],
    ['z', ['x']],
    ['free', ['a']],
  ]);
  expect(cycles(needs)).toEqual([
    ['a', 'b', 'a'],
    ['x', 'y', 'z', 'x'],
  ]);
});

test('a name that does not exist is no cycle, and is not waited for', () => {
  const needs = new Map([['a', ['nothing']]]);
  expect(cycles(needs)).toEqual([]);
  expect(inOrder(needs)).toEqual(['a']);
});
