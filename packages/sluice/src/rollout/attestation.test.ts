import { expect, test } from 'vitest';
import { digestOf, seconds } from '#kernel';
import { problemOfAttestations } from './attestation.ts';
import type { Attestation } from './ports.ts';
import { planRollout } from './rollout-plan.ts';
import { allHealthy, problemOfVerification } from './verification.ts';

const smoke = [
  { method: 'GET', path: '/health', status: 200 },
  { method: 'GET', path: '/version', status: 200, contains: 'v2' },
] as const;
const plan = planRollout({
  deployment: 'd1',
  service: 'production/api',
  release: digestOf('release'),
  version: 'v2',
  artifact: digestOf('artifact'),
  executable: digestOf('program'),
  candidate: 'green',
  stable: { slot: 'blue', key: 'd0' },
  instances: 2,
  smoke,
  policy: {
    kind: 'blue-green',
    steps: [],
    triggers: [],
    minimumSample: 1,
    onInconclusive: { holdFor: seconds(1), then: 'revert' },
    keepWarm: seconds(1),
    drainWithin: seconds(1),
  },
});

const one: Attestation = { instance: 'green-1', pid: 1, artifact: plan.artifact, executable: plan.executable };
const two: Attestation = { ...one, instance: 'green-2', pid: 2, selfReported: { version: 'v2', digest: plan.artifact } };

test('instances that run exactly what was approved may get traffic (I6)', () => {
  expect(problemOfAttestations(plan, [one, two])).toBeUndefined();
});

test.each([
  { name: 'an instance is missing', seen: [one], problem: '1 of 2 instances could be attested' },
  { name: 'the same instance is told twice', seen: [one, one], problem: '2 of 2 instances could be attested' },
  { name: 'there is one too many', seen: [one, two, { ...two, instance: 'green-3' }], problem: '3 of 2 instances could be attested' },
  {
    name: 'one runs another artifact',
    seen: [one, { ...two, artifact: digestOf('other') }],
    problem: /^green-2 runs artifact .+, approved is /,
  },
  {
    name: 'one runs another program',
    seen: [{ ...one, executable: digestOf('other') }, two],
    problem: /^green-1 runs program .+, approved is /,
  },
  {
    name: 'a service lies about its version',
    seen: [one, { ...two, selfReported: { version: 'v9' } }],
    problem: 'green-2 says it is version v9, but v2 was placed',
  },
  {
    name: 'a service lies about its digest',
    seen: [one, { ...two, selfReported: { digest: 'sha256:feed' } }],
    problem: /^green-2 says its digest is sha256:feed, but /,
  },
])('no traffic when $name (I6)', ({ seen, problem }) => {
  expect(problemOfAttestations(plan, seen)).toMatch(problem);
});

test('a service that says the right digest of a wrong artifact convinces nobody (I6)', () => {
  const liar: Attestation = { ...two, artifact: digestOf('other'), selfReported: { version: 'v2', digest: plan.artifact } };
  expect(problemOfAttestations(plan, [one, liar])).toMatch(/^green-2 runs artifact/);
});

const healthy = ['green-1', 'green-2'].map((name) => ({ name, state: 'healthy', restarts: 0, healthFailuresInARow: 0 }) as const);
const answers = (status: number, body: string) => ['green-1', 'green-2'].map((instance) => ({ instance, status, body }));
const good = [
  { check: smoke[0], answers: answers(200, 'ok') },
  { check: smoke[1], answers: answers(200, '{"version":"v2"}') },
];

test('healthy instances that answer every check as told are verified', () => {
  expect(problemOfVerification(plan, { instances: healthy, smoke: good })).toBeUndefined();
  expect(allHealthy(plan, healthy)).toBe(true);
  expect(allHealthy(plan, healthy.slice(1))).toBe(false);
});

test.each([
  { name: 'an instance is missing', seen: { instances: healthy.slice(1), smoke: good }, problem: '1 of 2 instances are healthy' },
  {
    name: 'an instance is not healthy',
    seen: { instances: [healthy[0]!, { ...healthy[1]!, state: 'exited', note: 'exit code 3' } as const], smoke: good },
    problem: '1 of 2 instances are healthy; green-2 is exited: exit code 3',
  },
  { name: 'a check was not run', seen: { instances: healthy, smoke: good.slice(1) }, problem: 'GET /health was not run' },
  { name: 'nothing was run', seen: { instances: healthy, smoke: [] }, problem: 'GET /health was not run' },
  {
    name: 'an instance was left out',
    seen: { instances: healthy, smoke: [good[0]!, { check: smoke[1], answers: answers(200, 'v2').slice(1) }] },
    problem: 'GET /version was not answered by green-1',
  },
  {
    name: 'nothing was answered',
    seen: { instances: healthy, smoke: [{ check: smoke[0], answers: answers(0, '') }, good[1]!] },
    problem: 'GET /health answered nothing on green-1, wanted 200',
  },
  {
    name: 'the status is wrong',
    seen: { instances: healthy, smoke: [{ check: smoke[0], answers: answers(503, '') }, good[1]!] },
    problem: 'GET /health answered 503 on green-1, wanted 200',
  },
  {
    name: 'the text is missing',
    seen: { instances: healthy, smoke: [good[0]!, { check: smoke[1], answers: answers(200, 'v1') }] },
    problem: 'GET /version answered without "v2" on green-1',
  },
])('no traffic when $name (I1)', ({ seen, problem }) => {
  expect(problemOfVerification(plan, seen)).toBe(problem);
});
