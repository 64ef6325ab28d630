import { SimulatedClock } from '#kernel';
import { describe, test } from 'vitest';
import { FakeRouter } from './fake-router.ts';
import { routerContract } from './router-contract.ts';

describe('the fake router keeps the contract of routers', () => {
  for (const { name, prove } of routerContract) {
    test(name, async () => {
      const router = new FakeRouter(new SimulatedClock());
      await prove({ router, restart: async () => router.restart() });
    });
  }
});
