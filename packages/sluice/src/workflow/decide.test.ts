import { expect, test } from 'vitest';
import { digestOf } from '#kernel';
import { decide } from './decide.ts';
import { deploymentKinds, isActive, type DeploymentEvent, type DeploymentState } from './deployment.ts';

const digest = digestOf('x');
const at = '2026-11-21T00:00:00.000Z';
const release = { digest, version: 'v1.0.0', commit: 'c' };
const commit = { sha: 'c', subject: 's', tags: [] };

const states: { readonly [K in DeploymentState['kind']]: Extract<DeploymentState, { readonly kind: K }> } = {
  queued: { kind: 'queued', after: 'd0' },
  requested: { kind: 'requested' },
  running: { kind: 'running', commit, run: 'r' },
  judged: { kind: 'judged', commit, run: 'r', verdicts: [], services: {} },
  released: { kind: 'released', release },
  'waiting-approval': { kind: 'waiting-approval', release, subject: digest, missing: ['risk'] },
  approved: { kind: 'approved', release, subject: digest },
  'rolling-out': { kind: 'rolling-out', release, rollout: 'o' },
  live: { kind: 'live', release, rollout: 'o', at },
  skipped: { kind: 'skipped', release, because: 'same' },
  reverted: { kind: 'reverted', release, rollout: 'o', because: 'bad', at },
  failed: { kind: 'failed', error: { code: 'internal', message: 'm', details: {} }, at },
  cancelled: { kind: 'cancelled', by: 'b', because: 'c', at },
};

const events: { readonly [K in DeploymentEvent['type']]: Extract<DeploymentEvent, { readonly type: K }> } = {
  'predecessor-through': { type: 'predecessor-through' },
  'run-started': { type: 'run-started', commit, run: 'r', scope: 'open' },
  'run-passed': { type: 'run-passed', verdicts: [], services: {} },
  'release-ready': { type: 'release-ready', release },
  unchanged: { type: 'unchanged', because: 'same' },
  'approval-needed': { type: 'approval-needed', subject: digest, missing: ['risk'], at },
  'approval-given': { type: 'approval-given', missing: [] },
  cleared: { type: 'cleared', subject: digest },
  'held-up': { type: 'held-up', because: 'not well yet' },
  'slot-taken': { type: 'slot-taken', behind: { rollout: 'o1', version: 'v0.9.0', keepsWarm: 'v0.8.0' } },
  'rollout-started': { type: 'rollout-started', rollout: 'o' },
  'rollout-committed': { type: 'rollout-committed', at },
  'rollout-reverted': { type: 'rollout-reverted', because: 'bad', at },
  failed: { type: 'failed', error: { code: 'internal', message: 'm', details: {} }, at },
  cancelled: { type: 'cancelled', by: 'b', because: 'c', at },
};

type Arrow = readonly [from: DeploymentState['kind'], event: DeploymentEvent['type'], to: DeploymentState['kind']];

const forward: readonly Arrow[] = [
  ['queued', 'predecessor-through', 'requested'],
  ['requested', 'run-started', 'running'],
  ['running', 'run-passed', 'judged'],
  ['judged', 'release-ready', 'released'],
  ['requested', 'release-ready', 'released'],
  ['released', 'unchanged', 'skipped'],
  ['released', 'approval-needed', 'waiting-approval'],
  ['waiting-approval', 'approval-given', 'waiting-approval'],
  ['released', 'cleared', 'approved'],
  ['waiting-approval', 'cleared', 'approved'],
  ['approved', 'held-up', 'approved'],
  ['approved', 'slot-taken', 'approved'],
  ['approved', 'rollout-started', 'rolling-out'],
  ['rolling-out', 'rollout-committed', 'live'],
  ['rolling-out', 'rollout-reverted', 'reverted'],
  ['live', 'rollout-reverted', 'reverted'],
];

const active = deploymentKinds.filter((kind) => isActive(states[kind]));
const arrows: readonly Arrow[] = [
  ...forward,
  ...active.map((kind): Arrow => [kind, 'failed', 'failed']),
  ...active.filter((kind) => kind !== 'rolling-out').map((kind): Arrow => [kind, 'cancelled', 'cancelled']),
];

test('every arrow of the diagram leads where it says, and every other pair is refused: terminal states are terminal (D09)', () => {
  for (const kind of deploymentKinds) {
    for (const event of Object.values(events)) {
      const arrow = arrows.find(([from, type]) => from === kind && type === event.type);
      if (arrow === undefined)
        expect(() => decide(states[kind], event)).toThrow(`event ${event.type} is illegal while a deployment is ${kind}`);
      else expect(decide(states[kind], event).kind).toBe(arrow[2]);
    }
  }
  expect(arrows).toHaveLength(forward.length + 8 + 7);
});

test('a clearance for another subject clears nothing (X-04)', () => {
  expect(() => decide(states['waiting-approval'], { type: 'cleared', subject: digestOf('other') })).toThrow('illegal');
});
