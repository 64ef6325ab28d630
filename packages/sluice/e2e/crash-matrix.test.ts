import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { identifyProcess, systemClock } from '#host';
import { phaseKinds, type Phase, type Slot } from '#rollout';
import { commitVersion } from './fixtures/project.ts';
import { startProbe, type Answer, type Probe } from './fixtures/probe.ts';
import { Gone, kill, processesOf, Rig, until, type Serving } from './rig.ts';

/** Every process of the table in section 6 of the architecture. */
const victims = ['serve', 'postgres', 'agent', 'router', 'instance'] as const;
type Victim = (typeof victims)[number];

const cells = phaseKinds.flatMap((phase) => victims.map((victim) => ({ phase, victim })));

/** Phases that take time by themselves: the kill comes while the driver is in the middle of them. In the others it stands still until the kill is done. */
const passing: readonly Phase['kind'][] = ['watch', 'keep-warm'];

/**
 * A single router that was killed is back within so many starts of an empty process, measured right after: some 40 ms each when nothing else runs. Nothing else may
 * be seen from outside. A bound in milliseconds would measure the machine.
 */
const ROUTER_GAP_STARTS = 60;

const key = 'local/desk';
let rig: Rig;
let serving: Serving;
let probe: Probe;
let versions = 1;
/** Epochs as the router told them, one after the other, all the time. */
const epochs: number[] = [];
const sampling = new AbortController();
let sampled: Promise<void> = Promise.resolve();
const gaps: number[] = [];

beforeAll(async () => {
  rig = new Rig();
  commitVersion(rig.folder, 'v1.0.0');
  serving = await rig.steered();
  const first = await rig.sluice('deploy', 'desk', 'v1.0.0');
  expect(first).toMatchObject({ code: 0 });
  probe = startProbe((await rig.status()).listen ?? '');
  await until('the first version answers', async () => probe.answers.some((answer) => 'version' in answer));
  sampled = (async () => {
    while (!sampling.signal.aborted) {
      const seen = await rig.router.observe(key);
      if (seen.ok) epochs.push(seen.value.epoch);
      await systemClock.sleep(25, sampling.signal).catch(() => undefined);
    }
  })();
});

afterAll(async () => {
  sampling.abort();
  await sampled;
  await probe[Symbol.asyncDispose]();
  await rig[Symbol.asyncDispose]();
});

test('there is a cell for every phase and every process', () => {
  expect(cells).toHaveLength(9 * 5);
});

test.each(cells)(
  '$victim killed in $phase: a version answers, the rollout ends, nothing is done twice (I3, I4, I14)',
  async ({ phase, victim }) => {
    const before = (await settled()).live?.version ?? '';
    const wanted = `v1.${versions++}.0`;
    commitVersion(rig.folder, wanted);
    const from = probe.answers.length;
    const epochsFrom = Math.max(0, epochs.length - 1);
    const hold = !passing.includes(phase);
    serving.tell(`${hold ? 'hold' : 'pass'} ${phase}`);
    await until('the driver is armed', async () => serving.said().includes(`armed ${phase}\n`));
    const told = occurrences(serving.said(), `at ${phase}\n`);
    const [asked] = await (await rig.client()).deploy({ services: ['desk'], ref: wanted, environment: 'local' });
    const id = asked?.id ?? '';
    await until(`the rollout is in ${phase}`, async () => {
      if (occurrences(serving.said(), `at ${phase}\n`) > told) return true;
      const deployment = await (await rig.client()).deployment(id);
      if (deployment.ended && deployment.state !== 'live') throw new Gone(`${wanted} ended before ${phase}: ${deployment.detail}`);
      return false;
    });
    const candidate = (await rig.status()).rollout?.candidate ?? 'blue';

    const died = await pidOf(victim, candidate);
    await kill(died);
    if (victim === 'serve') serving = await rig.steered();
    else if (hold) serving.tell('go');

    const finished = await until('the rollout is over', async () =>
      rig.record().find((entry) => entry.type === 'rollout.finished' && entry.subject.id === id),
    );
    const status = await settled();
    const live = status.live?.version ?? '';
    expect([before, wanted]).toContain(live);
    await until(
      'the version that is live answers',
      async () => probe.since(from).findLast((answer) => 'version' in answer && answer.version === live) !== undefined,
    );

    // The owner of what died has it back.
    const ofOwner = await until('the process is back', async () =>
      victim === 'instance' ? died : ((await pidOf(victim, candidate)) ?? false),
    );
    if (victim !== 'instance') expect(ofOwner).not.toBe(died);
    // Outage: none; a killed single router costs a gap.
    const answers = probe.since(from);
    const failures = answers.filter((answer) => 'failure' in answer);
    const gap = gapOf(answers);
    if (victim === 'router') gaps.push(gap);
    else expect(failures, `${failures.length} of ${answers.length} failed`).toEqual([]);
    expect(victim === 'router' ? gap / (await startOfAProcess()) : 0).toBeLessThan(ROUTER_GAP_STARTS);
    expect(
      new Set(answers.flatMap((answer) => ('version' in answer ? [answer.version] : []))).difference(new Set([before, wanted])),
    ).toEqual(new Set());
    // The epoch never goes back.
    const seen = epochs.slice(epochsFrom);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    // Nothing twice.
    const entries = rig.record().filter((entry) => entry.subject.id === id);
    const once = ['deployment.requested', 'rollout.started', 'rollout.committed', 'rollout.reverted', 'rollout.finished'];
    expect(once.filter((type) => entries.filter((entry) => entry.type === type).length > 1)).toEqual([]);
    expect(finished.outcome === 'succeeded', finished.outcome).toBe(live === wanted);
    if (live !== wanted) process.stdout.write(`${victim} killed in ${phase}: ${finished.outcome}\n`);
    const slot = status.live?.slot ?? 'blue';
    expect(status.slots.map((each) => [each.slot, each.weightBasisPoints, each.instances.length])).toEqual([
      ['blue', slot === 'blue' ? 10_000 : 0, slot === 'blue' ? 2 : 0],
      ['green', slot === 'green' ? 10_000 : 0, slot === 'green' ? 2 : 0],
    ]);
    expect(instancesRunning()).toBe(2);
    expect((await rig.sluice('ledger', 'verify')).code).toBe(0);
  },
  90_000,
);

test('the gap of a killed router is told', () => {
  process.stdout.write(`router gaps in ms: ${gaps.map((gap) => gap.toFixed(0)).join(' ')}\n`);
  expect(gaps).toHaveLength(phaseKinds.length);
});

/** What is live, once nothing moves any more and both of its instances are healthy. */
async function settled(): ReturnType<Rig['status']> {
  return until('all has settled', async () => {
    const status = await rig.status();
    const live = status.slots.find((slot) => slot.slot === status.live?.slot);
    const healthy = live?.instances.filter((instance) => instance.state === 'healthy').length;
    return status.rollout === undefined && healthy === 2 && live?.weightBasisPoints === 10_000 && status;
  });
}

async function pidOf(victim: Victim, candidate: Slot): Promise<number | undefined> {
  switch (victim) {
    case 'serve':
      return serving.child.pid;
    case 'postgres': {
      const pid = await rig.postmaster();
      return identifyProcess(pid)?.pid;
    }
    case 'agent':
      return (await rig.ps()).pid;
    case 'router':
      return (await rig.ps()).router?.pid;
    case 'instance': {
      const { slots } = await rig.ps();
      // An instance of the new version where there is one yet, else of the old.
      const slot =
        slots.find((each) => each.slot === candidate && each.instances.length > 0) ?? slots.find((each) => each.instances.length > 0);
      return slot?.instances.find((instance) => instance.pid !== undefined)?.pid;
    }
  }
}

/** From the last good answer before the first failure to the first good one, sent later, after the last. */
function gapOf(answers: readonly Answer[]): number {
  const failed = answers.filter((answer) => 'failure' in answer);
  const [first] = failed;
  const last = failed.at(-1);
  if (first === undefined || last === undefined) return 0;
  const good = answers.find((answer) => 'version' in answer && answer.sent > last.sent);
  return (good?.at ?? Number.POSITIVE_INFINITY) - first.sent;
}

/** What starting a process that does nothing takes on this machine now, in milliseconds: the median of five. */
async function startOfAProcess(): Promise<number> {
  const took: number[] = [];
  for (let turn = 0; turn < 5; turn += 1) {
    const began = systemClock.monotonic();
    await once(spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' }), 'close');
    took.push(systemClock.monotonic() - began);
  }
  return took.toSorted((a, b) => a - b)[2] ?? Number.NaN;
}

/** One started process for each instance: the program itself, or, where it is confined, whoever supervises what is inside. */
const instancesRunning = (): number =>
  processesOf(rig.folder).filter(
    ({ command, environment }) =>
      environment.includes('SLUICE_INSTANCE=') && (command.includes(' sluice-sandbox ') || /^\S*node service\.mjs/.test(command)),
  ).length;

const occurrences = (text: string, part: string): number => text.split(part).length - 1;
