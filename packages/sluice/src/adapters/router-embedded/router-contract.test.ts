import { describe, test } from 'vitest';
import { routerContract } from '#rollout';
import { RouterTestRig } from './fixtures/router-rig.ts';

describe('the embedded router, a process of its own, keeps the contract of routers', () => {
  for (const { name, prove } of routerContract) {
    test(name, async () => {
      await using rig = await RouterTestRig.start();
      await prove({ router: rig.router, restart: () => rig.restart() });
    });
  }
});
