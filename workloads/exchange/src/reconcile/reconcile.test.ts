import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { JournalRecord } from '../engine/journal-record.ts';
import { BadClientLog, readClientLogs, type ClientRecord } from './client-log.ts';
import { reconcile } from './reconcile.ts';

async function* requests(...list: readonly ClientRecord[]): AsyncGenerator<ClientRecord> {
  yield* list;
}

const version = '1.0.0';
const placed = (clientOrderId: string): ClientRecord => ({ kind: 'new', clientOrderId, status: 201, version });
const cancelled = (clientOrderId: string): ClientRecord => ({ kind: 'cancel', clientOrderId, status: 200, version });

function journal(...changes: readonly string[]): readonly JournalRecord[] {
  return changes.map((change, index) => {
    const [op, clientOrderId] = change.split(' ') as ['new' | 'cancel', string];
    const order = { account: 'a', side: 'buy', type: 'limit', ticks: 1, lots: 1 } as const;
    const command = op === 'new' ? { op, clientOrderId, ...order } : { op, clientOrderId };
    return { seq: index + 1, command, answer: { kind: 'cancelled', lots: 1 } };
  });
}

test('nothing lost and nothing doubled when both sides tell the same story', async () => {
  const result = await reconcile(requests(placed('a'), placed('b'), cancelled('a')), journal('new a', 'new b', 'cancel a', 'new c'));
  assert.deepEqual(result, {
    requests: 3,
    transportFailures: 0,
    acknowledged: 2,
    acknowledgedCancels: 1,
    lost: 0,
    doubled: 0,
    faultyByVersion: {},
    journaledOrders: 3,
    examples: [],
  });
});

test('a planted loss is found: an order and a cancel acknowledged but not journaled', async () => {
  const result = await reconcile(requests(placed('a'), placed('b'), cancelled('b')), journal('new b'));
  assert.equal(result.lost, 2);
  assert.deepEqual(result.examples, ['a', 'b']);
});

test('a planted loss is found: an acknowledged order that was later denied', async () => {
  const denied: ClientRecord = { kind: 'order', clientOrderId: 'a', status: 404, version };
  assert.equal((await reconcile(requests(placed('a'), denied), journal('new a'))).lost, 1);
});

test('a planted double is found: one id executed twice, one cancel executed twice', async () => {
  const result = await reconcile(requests(placed('a')), journal('new a', 'new a', 'cancel a', 'cancel a'));
  assert.equal(result.doubled, 2);
});

test('refusals and faults are no acknowledgements; faults are counted per version, transport failures apart', async () => {
  const result = await reconcile(
    requests(
      { kind: 'new', clientOrderId: 'a', status: 422, version },
      { kind: 'new', clientOrderId: 'b', status: 500, version: '1.2.0' },
      { kind: 'book', status: 503, version: '1.2.0' },
      { kind: 'cancel', clientOrderId: 'c', status: 409, version },
      { kind: 'new', clientOrderId: 'd', error: 'ECONNRESET' },
    ),
    journal(),
  );
  assert.deepEqual(
    [result.requests, result.acknowledged, result.lost, result.transportFailures, result.faultyByVersion],
    [5, 0, 0, 1, { '1.2.0': 2 }],
  );
});

test('several logs are read as one, and half a line is an error that names its place', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'exchange-logs-'));
  try {
    const [one, two] = [join(directory, 'one'), join(directory, 'two')];
    writeFileSync(one, `${JSON.stringify(placed('a'))}\n`);
    writeFileSync(two, `${JSON.stringify(placed('b'))}\n${JSON.stringify({ kind: 'book', error: 'ETIMEDOUT' })}\n`);
    assert.equal((await reconcile(readClientLogs([one, two]), journal('new a', 'new b'))).acknowledged, 2);
    for (const broken of ['{"kind":"new","sta', '{"kind":"else","status":200,"version":"1"}', '{"kind":"new"}']) {
      writeFileSync(two, `${JSON.stringify(placed('b'))}\n${broken}`);
      await assert.rejects(
        reconcile(readClientLogs([one, two]), journal()),
        (error) => error instanceof BadClientLog && /two:2: /.test(error.message),
      );
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});
