import { digestOf, seconds } from '#kernel';
import { describe, expect, test } from 'vitest';
import { FakeTarget } from './fake-target.ts';
import type { SlotOrder } from './ports.ts';
import { targetContract } from './target-contract.ts';

const order: SlotOrder = {
  key: 'k1',
  service: 'test/api',
  slot: 'blue',
  version: '1.0.0',
  artifact: digestOf('artifact'),
  archive: '/archives/a.tar',
  executable: FakeTarget.executable('node'),
  start: ['node', 'main.js'],
  instances: 1,
  env: {},
  secrets: [],
  folders: {},
  health: { kind: 'http', path: '/health', interval: seconds(1), timeout: seconds(1), rise: 1, fall: 3 },
  startWithin: seconds(10),
  stopWithin: seconds(10),
};

describe('the fake target keeps the contract of targets', () => {
  for (const { name, prove } of targetContract) {
    test(name, async () => {
      const target = new FakeTarget();
      await prove({
        target,
        order: async (changes) => ({ ...order, ...changes }),
        until: async (condition) => expect(await condition()).toBe(true),
        restart: async () => {},
        crash: async ({ service, slot }, instance) => target.restart(service, slot, instance),
      });
    });
  }
});

test('the contract is not empty', () => {
  expect(targetContract.length).toBeGreaterThanOrEqual(12);
});
