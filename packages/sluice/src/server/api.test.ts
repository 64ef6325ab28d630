import { expect, test } from 'vitest';
import { SimulatedClock, SluiceError } from '#kernel';
import { controlApi } from './api.ts';
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
  const engine = new Proxy({}, { get: (_, name) => refuse(String(name)) });
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

const pages = [
  ['GET', '/v1/about'],
  ['GET', '/v1/status'],
  ['GET', '/v1/deployments'],
  ['POST', '/v1/deployments'],
  ['GET', '/v1/deployments/x'],
  ['GET', '/v1/deployments/x/timeline'],
  ['GET', '/v1/deployments/x/approval'],
  ['POST', '/v1/deployments/x/approvals'],
  ['POST', '/v1/rollbacks'],
  ['POST', '/v1/reverts'],
  ['GET', '/v1/people'],
  ['POST', '/v1/people'],
  ['GET', '/v1/ledger/checkpoint'],
  ['GET', '/v1/ledger/proofs/x'],
] as const;

test('this list holds every page of the API', () => {
  const { app } = served();
  const routes = app.routes
    .filter((route) => route.method !== 'ALL' && route.path.startsWith('/v1/'))
    .map((route) => `${route.method} ${route.path.replace(/:\w+/, 'x')}`);
  expect([...new Set(routes)].toSorted()).toEqual(pages.map(([method, path]) => `${method} ${path}`).toSorted());
});

test.each(pages)('%s %s does nothing without the token', async (method, path) => {
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
  ['/v1/deployments/x/approvals', '{"person":"p","subject":"7c1e","signature":"s"}', 'subject: expected a digest'],
  ['/v1/people', '{"id":"x","name":"","emails":[],"functions":[],"publicKey":"k"}', 'name: '],
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
