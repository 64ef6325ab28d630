import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { ControlClient } from './client.ts';
import { readAddress } from './address-file.ts';

const open: Server[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
});

async function answering(status: number, body: string): Promise<ControlClient> {
  const server = createServer((request, response) => {
    response.writeHead(request.headers.authorization === 'Bearer token' ? status : 403, { 'content-type': 'application/json' });
    response.end(body);
  }).listen(0, '127.0.0.1');
  open.push(server);
  await once(server, 'listening');
  return new ControlClient({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, plane: 'sha256:0', token: 'token' });
}

test('an answer is read through its schema', async () => {
  const client = await answering(200, '{"deployments":[]}');
  expect(await client.deployments({ service: 'a&b=c' })).toEqual([]);
});

test('a refusal is thrown as the error it says', async () => {
  const client = await answering(409, '{"error":{"code":"conflict","message":"api is being deployed already","details":{},"hint":"wait"}}');
  await expect(client.deployments({})).rejects.toMatchObject({ code: 'conflict', message: 'api is being deployed already', hint: 'wait' });
});

test.each(['', 'not json', '{"deployments":"none"}', '{"deployments":[],"more":1}'])(
  'an answer of another version is refused in one line: %j',
  async (body) => {
    await expect((await answering(200, body)).deployments({})).rejects.toMatchObject({
      code: 'unavailable',
      hint: 'use the sluice that serves it',
    });
  },
);

test('garbage with an error status is unavailable, not a crash', async () => {
  await expect((await answering(502, '<html>')).about()).rejects.toMatchObject({ code: 'unavailable' });
});

test('nobody there is said with the way out', async () => {
  const client = await answering(200, '{}');
  for (const server of open.splice(0)) {
    server.close();
    await once(server, 'close');
  }
  await expect(client.about()).rejects.toMatchObject({ code: 'unavailable', hint: expect.stringContaining('sluice serve') as unknown });
});

test('an address file that is missing or damaged is said in one line', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-address-'));
  try {
    await expect(readAddress(folder)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('no control plane was started') as unknown,
    });
    for (const text of [
      '',
      '{',
      '{"url":"nowhere","token":"x"}',
      '{"url":"http://127.0.0.1:1","token":"short","plane":"p","pid":1}',
      '{"url":"http://127.0.0.1:1","token":"long enough for one","pid":1}',
    ]) {
      await writeFile(join(folder, 'serve.json'), text);
      await expect(readAddress(folder)).rejects.toMatchObject({ message: expect.stringContaining('is damaged') as unknown });
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
