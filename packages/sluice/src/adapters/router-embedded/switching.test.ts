import { Agent } from 'node:http';
import { describe, expect, test } from 'vitest';
import { api, get, must, RouterTestRig, split, until } from './fixtures/router-rig.ts';

/** Clients that ask without pause over kept connections, and write down every answer. */
class Load {
  readonly answers: { readonly startedAt: number; readonly body: string }[] = [];
  readonly failures: string[] = [];
  readonly #stop = new AbortController();
  readonly #running: Promise<unknown>;

  constructor(port: number, clients: number) {
    this.#running = Promise.all(Array.from({ length: clients }, (_, client) => this.#ask(port, client)));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #ask(port: number, client: number): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    // Half of them place orders: what must be neither lost nor asked twice.
    const order = client % 2 === 0 ? { method: 'POST', body: 'order' } : {};
    while (!this.#stop.signal.aborted) {
      const startedAt = performance.now();
      try {
        const { status, body } = await get(port, '/', { agent, ...order });
        if (status === 200) this.answers.push({ startedAt, body });
        else this.failures.push(`${status} ${body}`);
      } catch (error) {
        this.failures.push(String(error));
      }
    }
    agent.destroy();
  }
}

describe('moving traffic under load', () => {
  test('R-ROLL-04: 1,000 moves of weight lose no request and double none', async () => {
    await using rig = await RouterTestRig.start();
    let served = 0;
    const instances = await Promise.all(
      ['blue', 'green'].map((name) =>
        rig.instance((req, res) =>
          req.resume().on('end', () => {
            served += 1;
            res.end(name);
          }),
        ),
      ),
    );
    const [blue, green] = instances.map(({ endpoint }) => endpoint);
    const { port, epoch } = await rig.service({ blue: [blue!], green: [green!] });
    const load = new Load(port, 8);
    for (let flip = 0; flip < 1_000; flip += 1) {
      must(await rig.router.route(api, { epoch, weights: split([10_000, 500, 5_000, 0][flip % 4] ?? 0), revertTo: 'blue' }));
    }
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(served).toBe(load.answers.length);
    const { counters } = await rig.observe();
    expect([counters.blue.answers + counters.green.answers, counters.blue.errors + counters.green.errors]).toEqual([served, 0]);
    for (const { latency, answers } of Object.values(counters)) expect(latency.reduce((sum, count) => sum + count, 0)).toBe(answers);
    expect(new Set(load.answers.map(({ body }) => body))).toEqual(new Set(['blue', 'green']));
  });

  test('I2, D03: no request begun after a revert was answered reaches the bad slot, and its weight is observed to be 0', async () => {
    await using rig = await RouterTestRig.start();
    const blue = await rig.instance((req, res) => req.resume().on('end', () => res.end('good')));
    const green = await rig.instance((req, res) => req.resume().on('end', () => res.end('bad')));
    const { port } = await rig.service({ blue: [blue.endpoint], green: [green.endpoint] }, { weights: split(5_000) });
    const load = new Load(port, 8);
    await until(() => load.answers.length > 500);
    const observed = must(await rig.router.revert(api, { id: 'r1', by: 'ada', reason: 'bad answers' }));
    const revertedAt = performance.now();
    expect(observed.weights).toEqual(split(0));
    const before = load.answers.length;
    await until(() => load.answers.length > before + 500);
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(load.answers.filter(({ startedAt, body }) => body === 'bad' && startedAt > revertedAt)).toEqual([]);
    expect((await rig.observe()).counters.green.inFlight).toBe(0);
  });

  test('D02: endpoints that go while requests run: those requests end in peace', async () => {
    await using rig = await RouterTestRig.start();
    const answer: (() => void)[] = [];
    const old = await rig.instance((_, res) => void answer.push(() => res.end('old')));
    const young = await rig.instance((_, res) => res.end('young'));
    const { port } = await rig.service({ blue: [old.endpoint] });
    const running = Promise.all(Array.from({ length: 5 }, () => get(port)));
    await until(() => answer.length === 5);
    must(await rig.router.setEndpoints(api, 'blue', { key: 'blue-1', endpoints: [young.endpoint] }));
    expect((await get(port)).body).toBe('young');
    expect((await rig.observe()).counters.blue.inFlight).toBe(5);
    for (const end of answer) end();
    expect((await running).map(({ body }) => body)).toEqual(['old', 'old', 'old', 'old', 'old']);
    await until(() => new Promise((resolve) => old.server.getConnections((_, open) => resolve(open === 0))));
  });
});
