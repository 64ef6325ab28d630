import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { journalPath, readJournal } from '../src/engine/journal-reader.ts';
import { type Client, Program, scratch, startApi, startEngine } from './rig.ts';

const WORKERS = 8;

/** Orders and cancels from several connections at once; each acknowledged one is remembered, nothing is sent twice. */
class Load {
  readonly placed = new Set<string>();
  readonly cancelled = new Set<string>();
  readonly failures: string[] = [];
  readonly done: Promise<unknown>;
  #changed = Promise.withResolvers<void>();
  #over = false;

  constructor(client: Client) {
    this.done = Promise.all(Array.from({ length: WORKERS }, (_, worker) => this.#work(client, worker)));
  }

  /** Resolves when this many more orders were acknowledged. */
  async acknowledged(more: number): Promise<void> {
    const target = this.placed.size + more;
    while (this.placed.size < target && !this.#over) await this.#changed.promise;
  }

  async finish(): Promise<void> {
    this.#over = true;
    await this.done;
  }

  async #work(client: Client, worker: number): Promise<void> {
    for (let n = 0; !this.#over; n++) {
      const id = `w${worker}-${n}`;
      try {
        const side = worker % 2 === 0 ? 'buy' : 'sell';
        const rests = n % 3 === 0; // far from the others, so that it is still there to be cancelled
        const ticks = rests ? (side === 'buy' ? 9100 : 10_900) : 9990 + (n % 20);
        const { status } = await client.place(id, { ticks, side });
        if (status === 201) this.placed.add(id);
        else this.failures.push(`${id}: ${status}`);
        if (rests && (await client.send('DELETE', `/orders/${id}`)).status === 200) this.cancelled.add(id);
      } catch (error) {
        this.failures.push(`${id}: ${String(error)}`);
        if (this.failures.length > WORKERS * 3) this.#over = true; // the api is gone: enough was in flight
      }
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    }
  }
}

function assertNothingLostOrDoubled(load: Load, journal: string): void {
  const seen = { new: [] as string[], cancel: [] as string[] };
  for (const { command } of readJournal(journal)) seen[command.op].push(command.clientOrderId);
  for (const op of ['new', 'cancel'] as const) {
    const journaled = new Set(seen[op]);
    assert.equal(journaled.size, seen[op].length, 'doubled');
    const acknowledged = op === 'new' ? load.placed : load.cancelled;
    assert.deepEqual([...acknowledged.difference(journaled)], [], 'lost');
  }
}

test('an engine killed again and again under load loses nothing and doubles nothing, and no client sees a failure', async () => {
  using folder = scratch();
  let { engine, port } = await startEngine(folder.path);
  const { api, client } = await startApi(port);
  await using _api = api;
  const load = new Load(client);
  for (let kill = 0; kill < 4; kill++) {
    await load.acknowledged(150);
    await engine.stop('SIGKILL');
    engine = new Program('engine', { PORT: port, JOURNAL_DIR: folder.path });
    await engine.port();
  }
  await load.acknowledged(150);
  await load.finish();
  assert.deepEqual(load.failures, []);
  assert.ok(load.cancelled.size > 0);
  await engine.stop();
  client.close();
  assertNothingLostOrDoubled(load, folder.path);
});

test('an api killed under load loses nothing that it had acknowledged', async () => {
  using folder = scratch();
  const { engine, port } = await startEngine(folder.path);
  const { api, client } = await startApi(port);
  await using _api = api;
  const load = new Load(client);
  await load.acknowledged(200);
  api.kill('SIGKILL');
  await load.done;
  await engine.stop();
  client.close();
  assertNothingLostOrDoubled(load, folder.path);
});

test('an api asked to stop under load finishes what it began and exits with 0', async () => {
  using folder = scratch();
  const { engine, port } = await startEngine(folder.path);
  await using _engine = engine;
  const { api, client } = await startApi(port);
  const load = new Load(client);
  await load.acknowledged(50);
  const exit = await api.stop();
  await load.done;
  client.close();
  assert.deepEqual(exit, { code: 0, signal: null });
  assertNothingLostOrDoubled(load, folder.path);
});

test('a full disk stops the engine before it acknowledges what it could not keep, and with space again it goes on', async () => {
  using folder = scratch();
  const { engine, port } = await startEngine(folder.path, {}, { fileBlocks: 32 });
  const { api, client } = await startApi(port);
  await using _api = api;
  const load = new Load(client);
  assert.deepEqual(await engine.exited, { code: 1, signal: null });
  assert.match(engine.stderr, /^engine: cannot write the journal: [^\n]*; free the disk and start again\n$/);
  await using successor = new Program('engine', { PORT: port, JOURNAL_DIR: folder.path });
  await load.acknowledged(WORKERS + 1); // more than what was under way when the disk was full
  await load.finish();
  assert.deepEqual(load.failures, []);
  await successor.stop();
  client.close();
  assertNothingLostOrDoubled(load, folder.path);
});

test('of several engines started at once on the journal of a dead one, exactly one lives', async () => {
  using folder = scratch();
  const { engine } = await startEngine(folder.path);
  await engine.stop('SIGKILL');
  const starters = Array.from({ length: 5 }, () => new Program('engine', { PORT: '0', JOURNAL_DIR: folder.path }));
  const outcomes = await Promise.all(
    starters.map((each) => Promise.race([each.line(0).then(() => 'lives'), each.exited.then(() => each.stderr)])),
  );
  assert.equal(outcomes.filter((outcome) => outcome === 'lives').length, 1, outcomes.join('\n'));
  for (const outcome of outcomes) if (outcome !== 'lives') assert.match(outcome, /^engine: journal [^\n]*\n$/);
  for (const each of starters) await each.stop('SIGKILL');
});

test('a journal damaged in the middle stops the start with one line, and is left as it is', async () => {
  using folder = scratch();
  const { engine, port } = await startEngine(folder.path);
  const { api, client } = await startApi(port);
  for (const id of ['a', 'b', 'c']) await client.place(id);
  client.close();
  await api.stop('SIGKILL');
  await engine.stop('SIGKILL');
  const damaged = readFileSync(journalPath(folder.path), 'utf8').replace('"clientOrderId":"b"', '"clientOrderId":"x"');
  writeFileSync(join(folder.path, 'journal.log'), damaged);
  await using successor = new Program('engine', { PORT: '0', JOURNAL_DIR: folder.path });
  assert.deepEqual(await successor.exited, { code: 1, signal: null });
  assert.match(successor.stderr, /^engine: [^\n]*record 2 at byte \d+ is damaged: the checksum does not match; restore[^\n]*\n$/);
  assert.equal(readFileSync(journalPath(folder.path), 'utf8'), damaged);
});
