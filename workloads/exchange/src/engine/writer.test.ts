import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Answer, Command } from '../wire/index.ts';
import { Venue } from './venue.ts';
import { Writer, type ChangeLog } from './writer.ts';

/** A log whose syncs end when the test says so. */
class SteeredLog implements ChangeLog {
  readonly appended: number[] = [];
  readonly syncs: { readonly upTo: number; readonly end: PromiseWithResolvers<void> }[] = [];
  #arrived = Promise.withResolvers<void>();

  append({ seq }: { readonly seq: number }): void {
    this.appended.push(seq);
  }

  async sync(): Promise<void> {
    const end = Promise.withResolvers<void>();
    this.syncs.push({ upTo: this.appended.length, end });
    this.#arrived.resolve();
    this.#arrived = Promise.withResolvers();
    await end.promise;
  }

  async nthSync(nth: number): Promise<(typeof this.syncs)[number]> {
    while (this.syncs.length <= nth) await this.#arrived.promise;
    return this.syncs[nth]!;
  }
}

const place = (clientOrderId: string): Command => ({
  op: 'new',
  clientOrderId,
  account: 'a',
  side: 'buy',
  type: 'limit',
  ticks: 1,
  lots: 1,
});

function start(onFailure: (cause: unknown) => void = (cause) => assert.fail(String(cause))) {
  const log = new SteeredLog();
  const writer = new Writer(new Venue(), log, onFailure);
  const answered: string[] = [];
  const submit = (name: string, command: Command): void =>
    writer.submit(command, (answer: Answer) => void answered.push(`${name}:${answer.kind}`));
  return { log, writer, answered, submit };
}

test('no answer leaves before the sync that holds its change', async () => {
  const { log, writer, answered, submit } = start();
  submit('a', place('a'));
  submit('b', place('b'));
  const first = await log.nthSync(0);
  assert.equal(first.upTo, 2);
  assert.deepEqual(answered, []);
  first.end.resolve();
  await writer.idle();
  assert.deepEqual(answered, ['a:placed', 'b:placed']);
});

test('what arrives during a sync waits for the next one, repeats and queries included', async () => {
  const { log, writer, answered, submit } = start();
  submit('a', place('a'));
  const first = await log.nthSync(0);
  submit('b', place('b'));
  submit('again', place('b'));
  submit('book', { op: 'book', depth: 1 });
  first.end.resolve();
  const second = await log.nthSync(1);
  assert.deepEqual(answered, ['a:placed']);
  assert.equal(second.upTo, 2);
  second.end.resolve();
  await writer.idle();
  assert.deepEqual(answered, ['a:placed', 'b:placed', 'again:placed', 'book:book']);
});

test('a sync that fails stops the engine and answers nobody', async () => {
  const failures: unknown[] = [];
  const { log, writer, answered, submit } = start((cause) => failures.push(cause));
  submit('a', place('a'));
  (await log.nthSync(0)).end.reject(new Error('ENOSPC'));
  await writer.idle();
  assert.deepEqual(answered, []);
  assert.match(String(failures[0]), /ENOSPC/);
});
