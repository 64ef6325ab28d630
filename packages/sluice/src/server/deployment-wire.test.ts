import { expect, test } from 'vitest';
import { digestOf } from '#kernel';
import type { Deployment } from '#workflow';
import { deploymentToWire } from './deployment-wire.ts';

const digest = digestOf('release');
const approved = (behind?: { readonly rollout: string; readonly version: string; readonly keepsWarm?: string }): Deployment => ({
  request: {
    id: 'd2',
    service: 'api',
    environment: 'production',
    wanted: { kind: 'ref', ref: 'v1.2.0' },
    pipeline: 'default',
    requestedBy: 'controller',
    requestId: 'r1',
    chainId: 'c1',
    requestedAt: '2026-11-21T00:00:00.000Z',
  },
  state: {
    kind: 'approved',
    release: { digest, version: 'v1.2.0', commit: 'c' },
    subject: digest,
    ...(behind === undefined ? {} : { behind }),
  },
  version: 1,
});

test('a cleared deployment says what it waits for', () => {
  const release = deploymentToWire(approved()).detail.replace(' may go in', '');
  const detail = (...behind: Parameters<typeof approved>): string => deploymentToWire(approved(...behind)).detail.replace(release, 'it');
  expect(release).toMatch(/^release \S+ \(v1\.2\.0\)$/);
  expect([
    detail(),
    detail({ rollout: 'o1', version: 'v1.1.0', keepsWarm: 'v1.0.0' }),
    detail({ rollout: 'o1', version: 'v1.1.0' }),
  ]).toEqual([
    'it may go in',
    'it may go in once the slot is free: v1.1.0 keeps v1.0.0 warm and was asked to let it go',
    'it may go in once the slot is free: the rollout of v1.1.0 is ending',
  ]);
});
