import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Program, scratch, startApi, startEngine } from './rig.ts';

test('the load client trades, writes down every request, and its record agrees with the journal', async () => {
  using folder = scratch();
  const { engine, port } = await startEngine(folder.path);
  const { api, client } = await startApi(port, { SLUICE_VERSION: '7.8.9' });
  await using _api = api;
  const log = join(folder.path, 'client.ndjson');

  await using load = new Program(
    'client',
    {},
    { args: ['--url', client.url, '--log', log, '--rate', '80', '--duration', '0.15', '--seed', '3'] },
  );
  const total = await load.line(-1);
  assert.deepEqual([total['final'], total['sent'], total['ok'], total['faulty'], total['transportFailures']], [true, 12, 12, 0, 0]);
  assert.deepEqual(Object.keys(total['byVersion'] as object), ['7.8.9']);
  assert.equal(readFileSync(log, 'utf8').trimEnd().split('\n').length, 12);

  await using second = new Program('client', {}, { args: ['--url', client.url, '--log', log, '--rate', '5', '--prefix', 'second'] });
  await second.line(0);
  assert.deepEqual(await second.stop('SIGTERM'), { code: 0, signal: null });
  const stopped = await second.line(-1);
  assert.equal(stopped['sent'], stopped['ok']);

  await engine.stop();
  await using count = new Program('reconcile', {}, { args: ['--log', log, '--journal', folder.path] });
  const { requests, acknowledged, lost, doubled, faultyByVersion } = await count.line(0);
  assert.deepEqual([requests, lost, doubled, faultyByVersion], [12 + Number(stopped['sent']), 0, 0, {}]);
  assert.equal(acknowledged, Number(total['acknowledged']) + Number(stopped['acknowledged']));
  assert.deepEqual(await count.exited, { code: 0, signal: null });
  client.close();
});

test('a server that is not there is a transport failure, counted and written down, never retried', async () => {
  using folder = scratch();
  const log = join(folder.path, 'client.ndjson');
  await using load = new Program(
    'client',
    {},
    { args: ['--url', 'http://127.0.0.1:1', '--log', log, '--rate', '50', '--duration', '0.1'] },
  );
  const total = await load.line(-1);
  assert.deepEqual([total['sent'], total['transportFailures'], total['ok']], [5, 5, 0]);
  assert.match(readFileSync(log, 'utf8'), /"error":"ECONNREFUSED"/);
});

test('client and reconciler say in one line how they are used', async () => {
  for (const part of ['client', 'reconcile']) {
    await using program = new Program(part, {});
    assert.deepEqual(await program.exited, { code: 2, signal: null });
    assert.match(program.stderr, new RegExp(`^${part}: [^\\n]*usage: node src/${part}/main.ts [^\\n]*\\n$`));
  }
});
