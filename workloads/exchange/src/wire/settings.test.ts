import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { address, BadSettings, formatAddress, integer, listenOptions, optional, parseAddress, readSettings, text } from './index.ts';

const settings = {
  port: integer('PORT', { min: 0, max: 65_535 }),
  host: text('HOST', '127.0.0.1'),
  engine: address('ENGINE_ADDRESS'),
  control: optional(address('SLUICE_CONTROL')),
};

test('values are read, defaults fill in, and what is optional may be absent', () => {
  assert.deepEqual(readSettings(settings, { PORT: '0', ENGINE_ADDRESS: '[::1]:9001' }), {
    port: 0,
    host: '127.0.0.1',
    engine: { host: '::1', port: 9001 },
    control: undefined,
  });
});

test('all problems come in one line', () => {
  const problems = (): unknown => readSettings(settings, { PORT: '70000', SLUICE_CONTROL: 'here', HOST: '' });
  assert.throws(
    problems,
    new BadSettings(
      'PORT: expected a whole number from 0 to 65535, got "70000"; ENGINE_ADDRESS: expected host:port or an absolute path, got nothing; ' +
        'SLUICE_CONTROL: expected host:port or an absolute path, got "here"',
    ),
  );
  assert.throws(() => readSettings({ directory: text('JOURNAL_DIR') }, {}), /JOURNAL_DIR: is required/);
  assert.throws(() => readSettings({ port: settings.port }, { PORT: '1e3' }), /PORT/);
});

test('an address is a port or a path, and is written as it is read', () => {
  for (const good of ['127.0.0.1:80', 'localhost:0', '[::1]:65535', '/run/control.sock']) {
    const parsed = parseAddress(good);
    assert.ok(parsed !== undefined);
    assert.equal(formatAddress(parsed), good);
  }
  for (const bad of ['', '80', 'host:', ':80', 'host:65536', '::1:80', 'relative.sock']) assert.equal(parseAddress(bad), undefined, bad);
});

test('a socket file that a killed process left behind does not refuse the address for ever', () => {
  const directory = mkdtempSync(join(tmpdir(), 'exchange-'));
  try {
    const path = join(directory, 'control.sock');
    writeFileSync(path, '');
    assert.deepEqual(listenOptions({ path }), { path });
    assert.throws(() => rmSync(path), /ENOENT/);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
