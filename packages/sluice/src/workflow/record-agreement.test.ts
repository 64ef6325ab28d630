import { expect, test } from 'vitest';
import { digestOf, toBase64 } from '#kernel';
import { emptyLog, integrate, noteSigner, type LogFile, type PendingEntry } from '#ledger';
import { signedIn } from './record-agreement.ts';
import type { Store } from './store.ts';

const signer = noteSigner('sluice.test/log', new Uint8Array(32).fill(7));
const keys = { origin: 'sluice.test/log', signers: [signer], verifiers: [signer.key] };
const entryOf = (n: number): PendingEntry => ({
  v: 1,
  id: `e${n}`,
  at: '2026-12-01T00:00:00.000000Z',
  actorRef: 'controller',
  env: null,
  requestId: 'r1',
  chainId: 'c1',
  inputs: [{ name: 'settled', digest: digestOf(String(n)) }],
  outcome: 'succeeded',
  reasons: [],
  type: 'deployment.cancelled',
  subject: { kind: 'deployment', id: 'd1', digest: null },
  body: { service: 'api' },
});

/** A log that grows by one entry whenever its checkpoint was read, as under load: the partial files of before are gone by then. */
function growingLog(until: number) {
  const files = new Map<string, Uint8Array>();
  let state = emptyLog('sluice.test/log');
  let lastSigned: { readonly size: number; readonly root: Uint8Array } | undefined;
  let checkpoint: { readonly size: number; readonly root: string; readonly note: string; readonly signedAt: string } | undefined;
  const grow = (): void => {
    const grown = integrate(state, [entryOf(checkpoint?.size ?? 0)], {
      lastSigned: lastSigned,
      signers: keys.signers,
    });
    if (!grown.ok) throw grown.error;
    for (const path of grown.value.superseded) files.delete(path);
    for (const { path, bytes } of grown.value.files) files.set(path, bytes);
    ({ state } = grown.value);
    const { size, root, note } = grown.value.checkpoint;
    lastSigned = { size, root };
    checkpoint = { size, root: toBase64(root), note, signedAt: '' };
  };
  for (let n = 0; n < 3; n += 1) grow();
  const store = {
    transaction: async (work: (tx: never) => Promise<unknown>) => work(undefined as never),
    log: {
      checkpoint: async () => {
        const read = checkpoint;
        if ((read?.size ?? 0) < until) grow();
        return read;
      },
      files: async (_: never, paths: readonly string[]): Promise<readonly LogFile[]> =>
        paths.flatMap((path) => {
          const bytes = files.get(path);
          return bytes === undefined ? [] : [{ path, bytes }];
        }),
    },
  };
  return store as unknown as Store;
}

test('an entry is found in the signed log while the log grows, and another one in its place is not', async () => {
  expect(await signedIn(growingLog(8), keys)({ number: 1, entry: entryOf(1) })).toBe(true);
  expect(await signedIn(growingLog(3), keys)({ number: 1, entry: entryOf(2) })).toBe(false);
  expect(await signedIn(growingLog(3), keys)({ number: undefined, entry: entryOf(1) })).toBe(false);
  expect(await signedIn(growingLog(3), keys)({ number: 7, entry: entryOf(7) })).toBe(false);
});
