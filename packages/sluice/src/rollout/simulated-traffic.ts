import { milliseconds, seconds } from '#kernel';
import { bucketOf } from './histogram.ts';
import type { InstanceStatus, Sample, SlotCounters } from './ports.ts';
import { observe } from './watch.ts';
import { unwatched, type WatchProgress } from './watch-progress.ts';
import type { WatchRules } from './watch-rules.ts';
import type { WatchVerdict } from './watch-verdict.ts';

/** A small seeded generator (mulberry32): simulations must repeat bit for bit. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** How many of `n` happen, each with chance `p`. */
export function binomial(random: () => number, n: number, p: number): number {
  if (p <= 0) return 0;
  if (p >= 1) return n;
  let hits = 0;
  // Jumps from one hit to the next: cheap where hits are rare.
  const gap = (): number => Math.floor(Math.log(1 - random()) / Math.log(1 - p));
  for (let at = gap(); at < n; at += 1 + gap()) hits += 1;
  return hits;
}

/** How a slot answers: shares of errors, of slow answers and of requests that hang until their client leaves, and stalls of its process, which make all answers waiting in them slow. */
export type Behaviour = {
  readonly errorRate: number;
  readonly slowRate: number;
  readonly slowMs: number;
  readonly stallsPerSecond: number;
  readonly stallMs: number;
  readonly hangRate?: number;
};

/** Answers in 0.4 ms, one in a hundred in 2 ms. */
export const normal: Behaviour = { errorRate: 0, slowRate: 0.01, slowMs: 2, stallsPerSecond: 0, stallMs: 0 };

/** A watch to simulate: traffic, the new slot's share, and what it does from which second on. */
export type World = {
  readonly perSecond: number;
  readonly share: number;
  readonly seconds: number;
  readonly both: Behaviour;
  /** When a client leaves that got no answer. */
  readonly patienceMs?: number;
  readonly fault?: { readonly atSecond: number; readonly untilSecond?: number; readonly candidate: Behaviour };
};

export const periodMs = 50;

/** Rules of the kind that a plan gives, without declared triggers. */
export function rulesOf(more: Partial<WatchRules> = {}): WatchRules {
  return {
    ends: 'evidence',
    for: seconds(10),
    minimumSample: 10,
    triggers: [],
    probed: false,
    onInconclusive: { holdFor: seconds(5), then: 'revert' },
    candidate: 'green',
    comparedWith: 'blue',
    instances: 1,
    samplingPeriod: milliseconds(periodMs),
    ...more,
  };
}

export const healthyInstance: InstanceStatus = { name: 'api-green-1', state: 'healthy', restarts: 0, healthFailuresInARow: 0 };

type Tape = { answers: number; errors: number; abandoned: number; hanging: readonly number[]; readonly latency: number[] };

const blank = (): Tape => ({ answers: 0, errors: 0, abandoned: 0, hanging: [], latency: [] });

function serve(random: () => number, tape: Tape, asked: number, how: Behaviour, patience: number): void {
  const hangs = binomial(random, asked, how.hangRate ?? 0);
  const n = asked - hangs;
  tape.hanging = [...tape.hanging, hangs];
  if (tape.hanging.length > patience) {
    tape.abandoned += tape.hanging[0] ?? 0;
    tape.hanging = tape.hanging.slice(1);
  }
  tape.answers += n;
  tape.errors += binomial(random, n, how.errorRate);
  const stalls = random() < (how.stallsPerSecond * periodMs) / 1_000;
  const stalled = stalls ? Math.min(n, Math.round((n * how.stallMs) / periodMs)) : 0;
  const slow = binomial(random, n - stalled, how.slowRate);
  const add = (ms: number, count: number): void => {
    const bucket = bucketOf(ms * 1_000);
    while (tape.latency.length <= bucket) tape.latency.push(0);
    tape.latency[bucket] = (tape.latency[bucket] ?? 0) + count;
  };
  add(0.4, n - stalled - slow);
  add(how.slowMs, slow);
  add(how.stallMs, stalled);
}

const countersOf = (tape: Tape): SlotCounters => ({
  generation: 'g1',
  answers: tape.answers,
  errors: tape.errors,
  inFlight: tape.hanging.reduce((sum, n) => sum + n, 0),
  sessions: 0,
  abandoned: tape.abandoned,
  latency: tape.latency.slice(),
  ...(tape.errors === 0 ? {} : { firstErrorAt: 1_000, lastErrorAt: 2_000 }),
});

/** The samples of a watch, one each period, as a reader without trouble would get them. */
export function* samplesOf(seed: number, world: World): Generator<Sample> {
  const random = seeded(seed);
  const [blue, green] = [blank(), blank()];
  const patience = (world.patienceMs ?? 1_000) / periodMs;
  for (let tick = 0; ; tick += 1) {
    yield { at: tick * periodMs, counters: { blue: countersOf(blue), green: countersOf(green) }, instances: [healthyInstance] };
    const { fault } = world;
    const second = (tick * periodMs) / 1_000;
    const faulty =
      fault !== undefined && second >= fault.atSecond && second < (fault.untilSecond ?? Infinity) ? fault.candidate : undefined;
    const n = Math.round((world.perSecond * periodMs) / 1_000);
    const mine = binomial(random, n, world.share);
    serve(random, green, mine, faulty ?? world.both, patience);
    serve(random, blue, n - mine, world.both, patience);
  }
}

/** A whole watch, and for how long, and over how many answers of the new slot, its fault went unnoticed. */
export function simulate(
  seed: number,
  world: World,
  how: 'compared' | 'alone' = 'compared',
  more: Partial<WatchRules> = {},
): { readonly verdict: WatchVerdict; readonly progress: WatchProgress; readonly ms: number; readonly answers: number } {
  const { comparedWith, ...rest } = rulesOf({ for: seconds(world.seconds), ...more });
  const rules: WatchRules = how === 'alone' || comparedWith === undefined ? rest : { ...rest, comparedWith };
  const faultAt = (world.fault?.atSecond ?? 0) * 1_000;
  let before = 0;
  let progress = unwatched;
  for (const sample of samplesOf(seed, world)) {
    if (sample.at <= faultAt) before = sample.counters.green.answers;
    const seen = observe(progress, { kind: 'sample', sample }, rules);
    progress = seen.progress;
    if (seen.verdict.kind === 'continue' && sample.at < 10 * 60_000) continue;
    return { verdict: seen.verdict, progress, ms: sample.at - faultAt, answers: sample.counters.green.answers - before };
  }
  throw new Error('samples do not end');
}
