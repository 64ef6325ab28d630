import type { Phase } from '../phase.ts';
import type { BlueGreenPolicy } from '../policy.ts';
import { blueGreen } from './blue-green.ts';

type Strategy = (policy: BlueGreenPolicy, facts: { readonly firstRelease: boolean }) => readonly Phase[];

/** Every strategy as a pure function to its phases; a new kind of policy does not compile until it is served here. */
export const strategies = {
  'blue-green': blueGreen,
} satisfies Record<BlueGreenPolicy['kind'], Strategy>;
