import { expect, test } from 'vitest';
import { digestOf } from '#kernel';
import { slotRecordSchema } from './slot-record.schema.ts';

test('I18: a record of before there were thresholds, exits and walls is read, and means what it meant', () => {
  const digest = digestOf('x');
  const earlier = {
    kind: 'occupied',
    service: 'production/api',
    slot: 'blue',
    order: {
      key: 'k',
      service: 'production/api',
      slot: 'blue',
      version: '1.0.0',
      artifact: digest,
      archive: '/a.tar',
      executable: digest,
      start: ['node', 'x'],
      instances: 1,
      env: {},
      secrets: [],
      folders: {},
      health: { kind: 'http', path: '/health', interval: 1_000, timeout: 1_000 },
      startWithin: 1_000,
      stopWithin: 1_000,
    },
    tree: '/trees/x',
    program: '/usr/bin/node',
    instances: [{ name: 'api-blue-1', restarts: 0, start: { kind: 'started', port: 1, token: 't', pid: 1, startTicks: 1, healthy: true } }],
  };
  const read = slotRecordSchema.parse(earlier);
  expect(read).toMatchObject({ isolation: 'none', order: { health: { rise: 1, fall: 3 } } });
});
