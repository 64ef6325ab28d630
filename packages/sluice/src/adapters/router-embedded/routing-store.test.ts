import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '#host';
import { basisPoints, ok } from '#kernel';
import { allTo, movingWeight, reverting, takingEpoch, type RoutingFact, type RoutingTable, type Weights } from '#rollout';
import { RoutingStore } from './routing-store.ts';

const api = 'production/api' as const;
const split = (green: number): Weights => ({ blue: basisPoints(10_000 - green), green: basisPoints(green) });
const declared: RoutingFact = { type: 'declared', service: api, traffic: 'request', listen: { host: '127.0.0.1', port: 80 } };

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-store-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const journal = (): string => readFileSync(join(folder, 'router.journal'), 'utf8');

async function opened(onChange: (table: RoutingTable) => void = () => {}): Promise<RoutingStore> {
  const { store } = await RoutingStore.open(folder, { clock: systemClock, onChange });
  return store;
}

async function readAgain(): Promise<unknown> {
  const store = await opened();
  const { epoch, weights, latch } = store.table.services.get(api) ?? {};
  store.close();
  return { epoch, weights, by: latch?.by };
}

async function live(store: RoutingStore): Promise<void> {
  await store.forward(async () => ok(declared));
  await store.forward(async (table) => takingEpoch(table, api, 0));
  await store.forward(async (table) => movingWeight(table, api, { epoch: 1, weights: split(500), revertTo: 'blue' }));
}

function revertFact(store: RoutingStore): RoutingFact {
  const decided = reverting(store.written, api, { id: 'r1', by: 'ada', reason: 'test', at: '2026-01-01T00:00:00.000Z' });
  if (!decided.ok || decided.value === undefined) throw new Error('nothing to revert');
  return decided.value;
}

describe('the table and its journal', () => {
  test('I4, I14: nothing is in force that a process killed in that moment would not find again, reverts included', async () => {
    const seen: { inForce: number; written: boolean }[] = [];
    const store = await opened((table) => {
      const epoch = table.services.get(api)?.epoch ?? 0;
      seen.push({ inForce: epoch, written: epoch === 0 || journal().includes(`"epoch":${epoch}`) });
    });
    await live(store);
    const reverted = store.now(revertFact(store));
    // In force before the disk has confirmed: traffic waits for nothing (I2).
    expect(store.table.services.get(api)?.weights).toEqual(allTo('blue'));
    await reverted;
    store.close();
    expect(seen.at(-1)?.inForce).toBe(2);
    expect(seen.every(({ written }) => written)).toBe(true);
  });

  test('I14: a revert that comes while a move is being synced wins, in force and on disk', async () => {
    const store = await opened();
    await live(store);
    let meanwhile: Promise<void> | undefined;
    const moved = store.forward(async (table) => {
      // Right behind the decision: the move is written next, and the revert before it is synced.
      queueMicrotask(() =>
        queueMicrotask(() => {
          meanwhile = store.now(revertFact(store));
        }),
      );
      return movingWeight(table, api, { epoch: 1, weights: split(10_000), revertTo: 'blue' });
    });
    await moved;
    await meanwhile;
    const { epoch, weights, latch } = store.table.services.get(api) ?? {};
    expect({ epoch, weights, by: latch?.by }).toEqual({ epoch: 2, weights: allTo('blue'), by: 'ada' });
    store.close();
    expect(await readAgain()).toEqual({ epoch: 2, weights: allTo('blue'), by: 'ada' });
  });

  test('I14: a revert that comes while an epoch is being taken ends above it, and the taker has nothing', async () => {
    const store = await opened();
    await live(store);
    let meanwhile: Promise<void> | undefined;
    await store.forward(async (table) => {
      queueMicrotask(() =>
        queueMicrotask(() => {
          meanwhile = store.now(revertFact(store));
        }),
      );
      return takingEpoch(table, api, 1);
    });
    await meanwhile;
    const { epoch, latch } = store.table.services.get(api) ?? {};
    expect(epoch).toBeGreaterThanOrEqual(2);
    expect(latch?.by).toBe('ada');
    store.close();
    expect(await readAgain()).toMatchObject({ epoch, by: 'ada', weights: allTo('blue') });
  });

  test('a revert that comes while the journal is replaced is in the new one', async () => {
    const store = await opened();
    await live(store);
    await instancesComeAndGo(store, 1_996);
    void instancesComeAndGo(store, 1);
    const compacting = store.forward(async (table) => movingWeight(table, api, { epoch: 1, weights: split(600), revertTo: 'blue' }));
    // After the decision the file is being rewritten: that takes turns of the event loop, the revert comes in the first.
    await Promise.resolve();
    const reverted = store.now(revertFact(store));
    await compacting;
    await reverted;
    expect(journal().split('\n').length).toBeLessThan(10);
    store.close();
    expect(await readAgain()).toEqual({ epoch: 2, weights: allTo('blue'), by: 'ada' });
  });

  test('a journal that only instances grow is compacted as well; I14: what a crash finds at any moment of it has the epoch in force', async () => {
    const crashes: { readonly folder: string; readonly inForce: number }[] = [];
    const store = await opened();
    const crash = (): void => {
      const copy = mkdtempSync(join(folder, 'crash-'));
      copyFileSync(join(folder, 'router.journal'), join(copy, 'router.journal'));
      crashes.push({ folder: copy, inForce: store.table.services.get(api)?.epoch ?? 0 });
    };
    await live(store);
    await instancesComeAndGo(store, 1_990);
    let reverted: Promise<void> | undefined;
    for (let more = 0; more < 60 || !compacted(); more += 1) {
      // The revert comes as the journal passes its limit: it waits for no compaction, before it or behind it.
      if (more === 15) reverted = store.now(revertFact(store));
      crash();
      await instancesComeAndGo(store, 1);
      expect(more).toBeLessThan(400);
    }
    await reverted;
    crash();
    for (const at of crashes) {
      const { store: found } = await RoutingStore.open(at.folder, { clock: systemClock, onChange: () => {} });
      expect(found.table.services.get(api)?.epoch).toBeGreaterThanOrEqual(at.inForce);
      found.close();
    }
    store.close();
    expect(await readAgain()).toEqual({ epoch: 2, weights: allTo('blue'), by: 'ada' });
  });

  test('a store that is closed while its journal is compacted leaves the journal as it was', async () => {
    const store = await opened();
    await live(store);
    await instancesComeAndGo(store, 1_996);
    void instancesComeAndGo(store, 1);
    const compacting = store.forward(async (table) => movingWeight(table, api, { epoch: 1, weights: split(600), revertTo: 'blue' }));
    // The first turn of the event loop after the decision: the new file is being written, which takes several.
    await new Promise(setImmediate);
    store.close();
    expect([(await compacting).ok, compacted()]).toEqual([false, false]);
    expect(await readAgain()).toEqual({ epoch: 1, weights: split(500), by: undefined });
  });
});

const compacted = (): boolean => journal().split('\n').length < 1_000;

/** What an instance that crashes and is started again tells a router, again and again. */
async function instancesComeAndGo(store: RoutingStore, times: number): Promise<void> {
  for (let n = 0; n < times; n += 1) {
    const endpoints = n % 2 === 0 ? [] : [{ host: '127.0.0.1', port: 80 }];
    await store.now({ type: 'filled', service: api, slot: 'green', filled: { key: 'k', endpoints } });
  }
}
