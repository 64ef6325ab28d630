import { Agent } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { api, get, must, RouterTestRig, split } from '../src/adapters/router-embedded/fixtures/router-rig.ts';

/** What a client does in turn, without end. */
const rhythms = {
  'quote, order': ['quote', 'order'],
  'quote, quote, order': ['quote', 'quote', 'order'],
  'login, quote, order, quote': ['login', 'quote', 'order', 'quote'],
  'twenty quotes and an order': [...Array.from({ length: 19 }, () => 'quote'), 'order'],
} as const;

describe('45 · the share is no fair sample', () => {
  let rig: RouterTestRig;
  let port = 0;
  let epoch = 0;
  beforeAll(async () => {
    rig = await RouterTestRig.start();
    const blue = await rig.instance((_, res) => res.end('old'));
    const green = await rig.instance((_, res) => res.end('new'));
    ({ port, epoch } = await rig.service({ blue: [blue.endpoint], green: [green.endpoint] }));
  });
  afterAll(() => rig[Symbol.asyncDispose]());

  for (const [name, rhythm] of Object.entries(rhythms)) {
    for (const share of [500, 5_000]) {
      test(`a client that does ${name}: at ${share / 100} % each kind of request reaches the new version in its share`, async () => {
        must(await rig.router.route(api, { epoch, weights: split(share), revertTo: 'blue' }));
        const agent = new Agent({ keepAlive: true, maxSockets: 1 });
        const seen = new Map<string, { all: number; fresh: number }>();
        for (let n = 0; n < 800; n += 1) {
          const kind = rhythm[n % rhythm.length] ?? '';
          const tally = seen.get(kind) ?? { all: 0, fresh: 0 };
          tally.all += 1;
          if ((await get(port, `/${kind}`, { agent })).body === 'new') tally.fresh += 1;
          seen.set(kind, tally);
        }
        agent.destroy();
        for (const [kind, { all, fresh }] of seen) {
          const due = (all * share) / 10_000;
          // Six standard deviations of chance: a client in step with the share would be off by all of it.
          expect([kind, Math.abs(fresh - due) < 6 * Math.sqrt(due) + 1]).toEqual([kind, true]);
        }
        const total = [...seen.values()].reduce((sum, { fresh }) => sum + fresh, 0);
        expect(Math.abs(total - (800 * share) / 10_000)).toBeLessThan(25);
      });
    }
  }

  test('an account stays on its version while the share of the new one grows, and a revert moves everybody at once', async () => {
    must(await rig.router.declare(api, { traffic: 'request', sticky: { from: 'cookie', name: 'account' } }));
    const accounts = Array.from({ length: 200 }, (_, n) => `account-${n}`);
    const agent = new Agent({ keepAlive: true });
    const places = async (): Promise<readonly string[]> => {
      const bodies: string[] = [];
      for (const account of accounts) bodies.push((await get(port, '/', { agent, headers: { cookie: `a=b; account=${account}` } })).body);
      return bodies;
    };
    let before: readonly string[] = [];
    for (const share of [1_000, 5_000, 9_000, 10_000]) {
      must(await rig.router.route(api, { epoch, weights: split(share), revertTo: 'blue' }));
      const now = await places();
      expect(await places()).toEqual(now);
      expect(before.every((place, at) => place === 'old' || now[at] === 'new')).toBe(true);
      expect(Math.abs(now.filter((place) => place === 'new').length / accounts.length - share / 10_000)).toBeLessThan(0.15);
      before = now;
    }
    must(await rig.router.revert(api, { id: 'r1', by: 'ada', reason: 'test' }));
    expect(new Set(await places())).toEqual(new Set(['old']));
    agent.destroy();
  });
});
