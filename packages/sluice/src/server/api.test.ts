import { expect, test } from 'vitest';
import { SimulatedClock, SluiceError } from '#kernel';
import { controlApi } from './api.ts';
import { routeRights } from './route-right.ts';
import type { ServedEngine } from './served-engine.ts';

const token = 'a-token-of-the-test';
const about = { product: 'sluice', version: '0.0.0', delivery: 'sample', executor: 'e', pid: 1 } as const;
const ids = { next: () => 'id', uuid: () => 'uuid' };

/** An engine behind glass: whatever is asked of it is noted, and refused. */
function served(): { readonly app: ReturnType<typeof controlApi>; readonly asked: string[] } {
  const asked: string[] = [];
  const refuse = (name: string) => async () => {
    asked.push(name);
    return { ok: false, error: new SluiceError('conflict', `${name} was asked`, { hint: 'look' }) };
  };
  const register = new Proxy({}, { get: (_, name) => refuse(`register.${String(name)}`) });
  const engine = new Proxy({}, { get: (_, name) => (name === 'register' ? register : refuse(String(name))) });
  const fake = {
    engine,
    clock: new SimulatedClock(),
    ids,
    about,
    statuses: async () => {
      asked.push('statuses');
      throw new RangeError('a secret of the machine');
    },
  };
  return { app: controlApi(fake as unknown as ServedEngine, token), asked };
}

const authorization = { authorization: `Bearer ${token}` };
const post = (body: string): RequestInit => ({ method: 'POST', headers: { ...authorization, 'content-type': 'application/json' }, body });

/** Every page of the table, with a path that leads to it. */
const pages = Object.entries(routeRights).map(([page, right]) => {
  const [method = '', path = ''] = page.split(' ');
  return [method, path.replaceAll(/:\w+/g, '1'), right] as const;
});

test('every page of the API is in the table of rights, and the table names no page that is not there (I17)', () => {
  const { app } = served();
  const routes = app.routes
    .filter((route) => route.method !== 'ALL' && route.path.startsWith('/v1/'))
    .map((route) => `${route.method} ${route.path}`);
  expect([...new Set(routes)].toSorted()).toEqual(Object.keys(routeRights).toSorted());
});

test('a page that nobody gave a right does nothing for anybody (I17)', async () => {
  const { app, asked } = served();
  app.post('/v1/surprise', (context) => {
    asked.push('surprise');
    return context.json({});
  });
  const answer = await app.request('/v1/surprise', post('{}'));
  expect([answer.status, asked]).toEqual([403, []]);
});

test.each(pages.filter(([, , right]) => !['look', 'join', 'deploy', 'revert'].includes(right)))(
  'the token of the state folder does nothing at %s %s, which asks for the right "%s"',
  async (method, path, right) => {
    const { app, asked } = served();
    const answer = await app.request(path, method === 'POST' ? post('{}') : { method, headers: authorization });
    expect([answer.status, asked]).toEqual([403, []]);
    expect(await answer.json()).toMatchObject({ error: { message: expect.stringContaining(`"${right}"`) as unknown } });
  },
);

test.each(pages)('%s %s does nothing for whoever does not say who asks', async (method, path) => {
  for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: token }] as Record<string, string>[]) {
    const { app, asked } = served();
    const answer = await app.request(path, { method, headers });
    expect([answer.status, asked]).toEqual([403, []]);
    expect(await answer.json()).toMatchObject({ error: { code: 'forbidden' } });
  }
});

test.each([
  ['/v1/deployments', '{"services":["api"],"ref":"v1"}', 'environment: '],
  ['/v1/deployments', '{"services":["../api"],"ref":"v1","environment":"production"}', 'services.0: '],
  ['/v1/deployments', '{"services":["api"],"ref":"v1","environment":"production","force":true}', 'force'],
  ['/v1/deployments', 'services=api', 'not JSON'],
  ['/v1/people/cards', '{"card":{"id":"x","name":"","emails":[],"functions":[],"publicKey":"k"},"salt":""}', 'card.name: '],
  ['/v1/cancellations', '{"service":"api","environment":"production","reason":" "}', 'reason'],
  ['/v1/cancellations', '{"deployment":"01K"}', 'reason'],
  ['/v1/cancellations', '{"service":"api","reason":"x"}', 'name a deployment, or a service and its environment'],
  ['/v1/promotions', '{"service":"api","environment":"production"}', 'reason: '],
  ['/v1/holds', '{"service":"api","environment":"production","reason":"x","forMs":90000000}', 'forMs: '],
])('a body of %s that is no request is refused in one line and reaches nothing', async (path, body, says) => {
  const { app, asked } = served();
  const answer = await app.request(path, post(body));
  expect([answer.status, asked]).toEqual([400, []]);
  const { error } = (await answer.json()) as { error: { code: string; message: string } };
  expect([error.code, error.message.includes('\n')]).toEqual(['usage', false]);
  expect(error.message).toContain(says);
});

test('a request that is too large is refused before it is read', async () => {
  const { app, asked } = served();
  const answer = await app.request(
    '/v1/deployments',
    post(JSON.stringify({ services: ['api'], ref: 'x'.repeat(300_000), environment: 'production' })),
  );
  expect([answer.status, asked]).toEqual([400, []]);
});

test('what the engine refuses comes back with its code, its status and the way out', async () => {
  const { app } = served();
  const answer = await app.request('/v1/deployments', post('{"services":["api"],"ref":"v1","environment":"production"}'));
  expect([answer.status, await answer.json()]).toEqual([
    409,
    { error: { code: 'conflict', message: 'requestDeployment was asked', details: {}, hint: 'look' } },
  ]);
});

test('what nobody expected tells nothing of the machine', async () => {
  const { app } = served();
  const answer = await app.request('/v1/status', { headers: authorization });
  expect(answer.status).toBe(500);
  expect(await answer.text()).not.toContain('secret');
});

test('the probe of life needs no token, and an unknown page is said so', async () => {
  const { app } = served();
  expect((await app.request('/health')).status).toBe(200);
  expect((await app.request('/v1/nothing', { headers: authorization })).status).toBe(404);
});
