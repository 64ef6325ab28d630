import { describe, expect, test } from 'vitest';
import { afterLook, isFallen, isRisen, noLooks, type HealthCount } from './health-count.ts';

const after = (...looks: readonly ('good' | 'bad')[]): HealthCount => looks.reduce(afterLook, noLooks);
const serving = { state: 'healthy', isLast: false } as const;

describe('how many looks it takes', () => {
  test('an instance that takes traffic is out after as many bad looks in a row as its definition says, and not before', () => {
    expect(isFallen(after('bad', 'bad'), { fall: 3 }, serving)).toBe(false);
    expect(isFallen(after('bad', 'bad', 'good', 'bad', 'bad'), { fall: 3 }, serving)).toBe(false);
    expect(isFallen(after('bad', 'bad', 'bad'), { fall: 3 }, serving)).toBe(true);
    expect(isFallen(after('bad'), { fall: 1 }, serving)).toBe(true);
  });

  test('the last one needs two bad looks whatever is declared', () => {
    expect(isFallen(after('bad'), { fall: 1 }, { state: 'healthy', isLast: true })).toBe(false);
    expect(isFallen(after('bad', 'bad'), { fall: 1 }, { state: 'healthy', isLast: true })).toBe(true);
  });

  test('one bad look in twenty never takes anything out', () => {
    const looks = Array.from({ length: 400 }, (_, at) => (at % 20 === 0 ? 'bad' : 'good'));
    let count = noLooks;
    for (const look of looks) {
      count = afterLook(count, look);
      expect(isFallen(count, { fall: 3 }, { state: 'healthy', isLast: true })).toBe(false);
    }
  });

  test('an instance is in after as many good looks in a row as its definition says', () => {
    expect(isRisen(after('good'), { rise: 2 })).toBe(false);
    expect(isRisen(after('good', 'bad', 'good'), { rise: 2 })).toBe(false);
    expect(isRisen(after('good', 'good'), { rise: 2 })).toBe(true);
  });

  test('one that does not take traffic is out with the first bad look', () => {
    expect(isFallen(after('bad'), { fall: 3 }, { state: 'starting', isLast: false })).toBe(true);
  });
});
