import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signalProcess, systemClock } from '../../packages/sluice/src/adapters/host/index.ts';
import { embeddedRouter, startRouter } from '../../packages/sluice/src/adapters/router-embedded/index.ts';
import { basisPoints, digestOf, seconds } from '../../packages/sluice/src/kernel/index.ts';
import {
  observe,
  planRollout,
  unwatched,
  usualSamplingPeriod,
  watchRules,
  type Sample,
  type WatchRules,
} from '../../packages/sluice/src/rollout/index.ts';
import { hand, progress } from './benchmark.ts';
import { median } from './figure.ts';

/**
 * From the first faulty answer to the last one, as the clients saw them: the new version turns bad under load, the judge of a rollout sees it in the
 * router's counters and reverts. Router, both versions and the load are processes of their own; the judge runs here, as it does in the control plane.
 */
const REPETITIONS = 5;
const SHARES = [500, 5_000] as const;
const RATES = [5_000, 2_500, 1_000] as const;
const CONNECTIONS = 64;
const TURNS_BAD_AFTER_MS = 1_500;
/** Later than this, the load was not what it claims to be. */
const trustedLagMs = 50;
const SERVICE = 'bench/service';

type Load = {
  readonly sent: number;
  readonly answered: number;
  readonly unanswered: number;
  readonly faulty: number;
  readonly firstBadAt: number | undefined;
  readonly lastBadAt: number | undefined;
  readonly lagP99Ms: number;
};
type Round = {
  readonly shareBp: number;
  readonly rate: number;
  readonly safeMs: number;
  readonly decidedMs: number;
  readonly revertMs: number;
  readonly rule: string;
  readonly load: Load;
};

const part = (name: 'service' | 'load', ...args: string[]): ChildProcess => fork(join(import.meta.dirname, `fault-${name}.ts`), args);
const heard = async <T>(child: ChildProcess): Promise<T> => ((await once(child, 'message')) as [T])[0];

const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-fault-'));
const [blue, green] = [part('service'), part('service')];
const [bluePort, greenPort] = await Promise.all([heard<number>(blue), heard<number>(green)]);
const identity = await startRouter({ stateFolder: folder, clock: systemClock });
const router = embeddedRouter({ stateFolder: folder, clock: systemClock });
const declared = must(await router.declare(SERVICE, { traffic: 'request' }));
must(await router.setEndpoints(SERVICE, 'blue', { key: 'blue', endpoints: [{ host: '127.0.0.1', port: bluePort }] }));

/** A canary step that declares no trigger, so that only our own hard-fault detection acts. */
function rulesAt(shareBp: number): WatchRules {
  const plan = planRollout({
    deployment: 'bench',
    service: SERVICE,
    release: digestOf('bench'),
    version: 'bench',
    artifact: digestOf('bench'),
    executable: digestOf('bench'),
    candidate: 'green',
    stable: { slot: 'blue', key: 'blue' },
    instances: 1,
    smoke: [],
    policy: {
      kind: 'blue-green',
      steps: [{ weight: basisPoints(shareBp), watch: seconds(60) }],
      triggers: [],
      minimumSample: 100,
      onInconclusive: { holdFor: seconds(5), then: 'revert' },
      keepWarm: seconds(60),
      drainWithin: seconds(10),
    },
  });
  return watchRules(
    plan,
    plan.phases.findIndex((phase) => phase.kind === 'watch'),
  );
}

const instances: Sample['instances'] = [{ name: 'bench-green-1', state: 'healthy', restarts: 0, healthFailuresInARow: 0 }];

async function round(shareBp: number, rate: number, id: string): Promise<Round> {
  const rules = rulesAt(shareBp);
  green.send('good');
  const { epoch: before } = must(await router.observe(SERVICE));
  const { epoch } = must(await router.takeEpoch(SERVICE, before));
  must(await router.setEndpoints(SERVICE, 'green', { key: id, endpoints: [{ host: '127.0.0.1', port: greenPort }] }));
  const weights = { blue: basisPoints(10_000 - shareBp), green: basisPoints(shareBp) };
  must(await router.route(SERVICE, { epoch, weights, revertTo: 'blue' }));
  const generator = part('load', String(declared.listen.port), String(rate), String(CONNECTIONS));
  await heard(generator); // all connections are open
  let turned = false;
  // At a random moment of the judge's interval: at a fixed one, every round would measure the same phase of it.
  setTimeout(() => (turned = green.send('bad')), TURNS_BAD_AFTER_MS + Math.random() * rules.samplingPeriod);
  let progressed = unwatched;
  for (;;) {
    const { counters } = must(await router.observe(SERVICE));
    const seen = observe(progressed, { kind: 'sample', sample: { at: systemClock.monotonic(), counters, instances } }, rules);
    progressed = seen.progress;
    if (seen.verdict.kind === 'fail') {
      const decidedAt = wallClock();
      must(await router.revert(SERVICE, { id, by: 'bench', reason: seen.verdict.because }));
      const revertMs = wallClock() - decidedAt;
      await systemClock.sleep(500); // a late faulty answer must be seen
      const ended = heard<Load>(generator);
      generator.send('stop');
      const load = await ended;
      if (!turned || load.firstBadAt === undefined || load.lastBadAt === undefined)
        throw new Error(`a false alarm: ${seen.verdict.because}`);
      const safeMs = load.lastBadAt - load.firstBadAt;
      return { shareBp, rate, safeMs, decidedMs: decidedAt - load.firstBadAt, revertMs, rule: seen.verdict.rule, load };
    }
    if (seen.verdict.kind !== 'continue') throw new Error(`the watch ended with ${seen.verdict.kind}`);
    await systemClock.sleep(rules.samplingPeriod);
  }
}

/** Comparable between processes of this machine. */
function wallClock(): number {
  return performance.timeOrigin + performance.now();
}

function must<T>(answer: { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown }): T {
  if (!answer.ok) throw new Error(`the router refused: ${JSON.stringify(answer.error)}`);
  return answer.value;
}

const trusted = ({ load }: Round): boolean => load.lagP99Ms <= trustedLagMs;

/** The highest rate whose load was sent on time; the lowest one, marked, when none was. */
async function rounds(): Promise<readonly Round[]> {
  let seen: Round[] = [];
  for (const rate of RATES) {
    progress(`${rate} requests/s, shares ${SHARES.map((share) => `${share / 100} %`).join(' and ')}, ${REPETITIONS} times each`);
    seen = [];
    for (let at = 0; at < REPETITIONS; at += 1)
      for (const share of SHARES) seen.push(await round(share, rate, `fault-${process.pid}-${rate}-${share}-${at}`));
    if (seen.filter(trusted).length > seen.length / 2) break;
  }
  return seen;
}

try {
  const seen = await rounds();
  const rate = seen[0]?.rate ?? 0;
  const lag = median(seen.map((one) => one.load.lagP99Ms));
  const unanswered = seen.reduce((sum, one) => sum + one.load.unanswered, 0);
  const late = seen.filter((one) => !trusted(one)).length;
  const figures = SHARES.flatMap((share) => {
    const of = seen.filter((one) => one.shareBp === share);
    const uncertain = of.filter(trusted).length * 2 > of.length ? {} : { uncertain: 'the load was sent late' };
    const at = `${share / 100} % of ${rate.toLocaleString('en-US')}/s`;
    return [
      {
        what: `fault to safe, ${at}: first to last faulty answer`,
        measured: median(of.map((one) => one.safeMs)),
        unit: 'ms',
        target: { of: 'measured', kind: 'at-most', limit: 1_000 } as const,
        ...uncertain,
      },
      { what: '  slowest of them', measured: Math.max(...of.map((one) => one.safeMs)), unit: 'ms' },
      { what: '  until the judge decided', measured: median(of.map((one) => one.decidedMs)), unit: 'ms' },
      { what: '  revert command, durable', measured: median(of.map((one) => one.revertMs)), unit: 'ms' },
      { what: '  clients that got a faulty answer', measured: median(of.map((one) => one.load.faulty)), unit: 'answers' },
    ];
  });
  hand({
    title: `fault to safe at ${rate.toLocaleString('en-US')} requests/s (medians of ${REPETITIONS})`,
    figures: [
      ...figures,
      {
        what: 'requests without an answer, all rounds',
        measured: unanswered,
        unit: 'requests',
        target: { of: 'measured', kind: 'at-most', limit: 0 } as const,
      },
    ],
    notes: [
      `Open loop over ${CONNECTIONS} connections; sent ${lag.toFixed(1)} ms late at most in 99 of 100 cases (median of rounds), ${late} of ${seen.length} rounds later than ${trustedLagMs} ms.`,
      `Rules that found it: ${[...new Set(seen.map((one) => one.rule))].join(', ')}. The judge looks every ${usualSamplingPeriod} ms.`,
    ],
    detail: seen,
  });
} finally {
  signalProcess(identity, 'SIGKILL');
  blue.kill();
  green.kill();
  rmSync(folder, { recursive: true, force: true });
}
