import { expect, test } from 'vitest';
import * as door from './index.ts';

test('the door of the room is this, and nothing else', () => {
  expect(Object.keys(door).toSorted()).toEqual([
    'SecretMask',
    'SecretSearch',
    'describeFailure',
    'executePlan',
    'isFailure',
    'maskBytes',
    'maskText',
    'nextJobs',
    'outcomeOf',
    'secretPatterns',
    'succeeded',
  ]);
});
