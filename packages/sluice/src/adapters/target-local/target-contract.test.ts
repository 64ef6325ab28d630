import { describe, test } from 'vitest';
import { targetContract } from '#rollout';
import { rig, until } from './fixtures/rig.ts';

describe('the local target keeps the contract of targets', () => {
  for (const { name, prove } of targetContract) {
    test(name, async () => {
      await using host = await rig();
      await prove({
        target: host.target,
        order: (changes) => host.order('healthy', changes),
        until: (condition) => until('the contract is satisfied', condition),
        restart: async () => {
          await host.killAgent();
          await host.start();
        },
        crash: async ({ service, slot }, instance) => {
          const status = await host.target.observe(service, slot);
          const pid = status.ok ? status.value.instances.find((one) => one.name === instance)?.pid : undefined;
          if (pid === undefined) throw new Error(`${instance} does not run`);
          process.kill(pid, 'SIGKILL');
        },
      });
    });
  }
});
