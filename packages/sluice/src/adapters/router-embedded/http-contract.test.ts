import { createServer, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { httpCases, hopCases } from '#rollout';
import { RouterTestRig, until } from './fixtures/router-rig.ts';

describe('the embedded router keeps the table of HTTP', () => {
  let rig: RouterTestRig;
  let port = 0;
  const asked: string[] = [];
  let last: IncomingMessage['headers'] = {};
  beforeAll(async () => {
    rig = await RouterTestRig.start();
    const instance = createServer((req, res) => {
      let body = '';
      if (req.url !== '/more') last = req.headers;
      req.on('data', (chunk: Buffer) => (body += chunk.toString()));
      req.on('end', () => {
        if (req.url !== '/more') asked.push(`${req.method} ${req.url} ${req.headers.host} ${body}`);
        res.end('ok');
      });
    });
    ({ port } = await rig.service({ blue: [await rig.listening(instance)] }));
  });
  afterAll(() => rig[Symbol.asyncDispose]());

  test.for(httpCases)('$name', async ({ send, answers, asked: expected, goesOn }) => {
    asked.length = 0;
    const said = await conversation(port, send, answers.length);
    expect([said.statuses, asked.map((one) => one.replace(`127.0.0.1:${port}`, '?'))]).toEqual([answers, expected]);
    expect(said.goesOn).toBe(goesOn);
  });

  test.for(hopCases)('9110 7.6.1: headers that connection names: $name', async ({ send, seen }) => {
    await conversation(port, send, 1);
    expect(last['x'] !== undefined).toBe(seen);
  });
});

/** What comes back for these bytes, and whether the connection takes one more request. */
async function conversation(
  port: number,
  send: string,
  answers: number,
): Promise<{ readonly statuses: number[]; readonly goesOn: boolean }> {
  let got = '';
  const socket = connect({ port, host: '127.0.0.1' });
  socket.on('error', () => {});
  socket.on('data', (chunk) => (got += chunk.toString('latin1')));
  const statuses = (): number[] => [...got.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
  const over = (): boolean => socket.closed || socket.readableEnded;
  socket.write(send, 'latin1');
  await until(() => statuses().length >= answers || over());
  const seen = statuses();
  socket.write('GET /more HTTP/1.1\r\nhost: a\r\n\r\n');
  await until(() => statuses().length > seen.length || over());
  const goesOn = statuses().length === seen.length + 1;
  socket.destroy();
  return { statuses: goesOn ? statuses().slice(0, -1) : statuses(), goesOn };
}
