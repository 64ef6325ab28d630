import { expect, test } from 'vitest';
import { basisPoints, digestOf, percent, seconds } from '#kernel';
import { type Arrow, arrows, type Place, placeOf } from './arrows.ts';
import { canRevert, decide, type Decision, keepsWarm } from './decide.ts';
import { deadlineOf, nextCommand, otherSlot, phaseAt, weightsOf } from './next-command.ts';
import { phaseKinds } from './phase.ts';
import type { SlotCounters, Weights } from './ports.ts';
import { committedAt, planRollout, type RolloutPlan } from './rollout-plan.ts';
import { isTerminal, type RolloutEvent, type RolloutState, terminalKinds } from './state.ts';
import { unwatched } from './watch-progress.ts';
import type { WatchEnd } from './watch-verdict.ts';

const facts = {
  deployment: 'd1',
  service: 'production/api',
  release: digestOf('release'),
  version: 'v1.2.0',
  artifact: digestOf('artifact'),
  executable: digestOf('executable'),
  candidate: 'green',
  instances: 1,
  smoke: [{ method: 'GET', path: '/health', status: 200 }],
  policy: {
    kind: 'blue-green',
    steps: [
      { weight: percent(5), watch: seconds(5) },
      { weight: percent(50), watch: seconds(5) },
    ],
    triggers: [],
    minimumSample: 10,
    onInconclusive: { holdFor: seconds(5), then: 'revert' },
    keepWarm: seconds(5),
    drainWithin: seconds(5),
  },
} as const satisfies Omit<RolloutPlan, 'phases' | 'stable'>;
const upgrade = planRollout({ ...facts, stable: { slot: 'blue', key: 'd0' } });
const first = planRollout(facts);

const zero = basisPoints(0);
const nothing: Weights = { blue: zero, green: zero };
const slot: SlotCounters = { generation: 'g', answers: 0, errors: 0, inFlight: 0, sessions: 0, latency: [] };
const counters = { blue: slot, green: slot };
const latch = { at: '2026-11-21T03:00:00.000Z', by: 'erin', reason: 'slow' };
const numbers = { watchedMs: 5_000, samples: 50, candidate: { answers: 100, errors: 0 } };
const pass: WatchEnd = { kind: 'pass', because: 'enough', numbers };
const fault: WatchEnd = { kind: 'fail', rule: 'hard-errors', because: 'errors', numbers };
const doubt: WatchEnd = { kind: 'inconclusive', because: 'silence', numbers };
const healthy = { name: 'api-1', state: 'healthy', restarts: 0, healthFailuresInARow: 0 } as const;
const attestation = { instance: 'api-1', pid: 7, artifact: facts.artifact, executable: facts.executable };
const answered = [{ check: facts.smoke[0], answers: [{ instance: 'api-1', status: 200, body: 'ok' }] }];

const epochOf = (state: RolloutState): number =>
  'epoch' in state
    ? state.epoch
    : 'after' in state
      ? state.after
      : state.kind === 'reverting' && state.step.kind === 'route'
        ? state.step.way.epoch
        : 9;

/** Everything that a driver, good or bad, could say in a state: right facts, wrong facts, late facts, twice. */
function everyEvent(plan: RolloutPlan, state: RolloutState): readonly RolloutEvent[] {
  const epoch = epochOf(state);
  const now = state.kind === 'running' ? state.at : 0;
  const weight = plan.phases.slice(0, now + 1).findLast((phase) => phase.kind === 'shift');
  const wanted = weight?.kind === 'shift' ? weightsOf(plan, weight.weight) : weightsOf(plan, zero);
  const watch = { ...unwatched, samples: 1 };
  return [
    { kind: 'started', epoch: 1 },
    { kind: 'adopted' },
    { kind: 'epoch-taken', epoch: epoch + 1, weights: weightsOf(plan, zero) },
    { kind: 'epoch-taken', epoch: epoch + 1, weights: weightsOf(plan, percent(30)) },
    { kind: 'superseded', epoch: epoch + 1 },
    { kind: 'superseded', epoch: epoch + 1, latch },
    { kind: 'superseded', epoch: epoch + 3 },
    { kind: 'superseded', epoch },
    { kind: 'placed' },
    { kind: 'attested', attestations: [attestation] },
    { kind: 'attested', attestations: [{ ...attestation, artifact: digestOf('another') }] },
    { kind: 'attested', attestations: [] },
    { kind: 'verified', instances: [healthy], smoke: answered },
    { kind: 'verified', instances: [healthy], smoke: [] },
    { kind: 'verified', instances: [{ ...healthy, state: 'unhealthy' }], smoke: answered },
    { kind: 'routed', epoch, weights: wanted, counters },
    { kind: 'routed', epoch, weights: nothing, counters },
    { kind: 'routed', epoch, weights: weightsOf(plan, percent(7)), counters },
    { kind: 'routed', epoch: epoch + 1, weights: wanted, counters },
    { kind: 'watch-progressed', watch },
    { kind: 'watch-ended', watch, verdict: pass },
    { kind: 'watch-ended', watch, verdict: fault },
    { kind: 'watch-ended', watch, verdict: doubt },
    { kind: 'committed' },
    { kind: 'drained', weights: weightsOf(plan, percent(100)), inFlight: 0, sessions: 0 },
    { kind: 'drained', weights: weightsOf(plan, zero), inFlight: 0, sessions: 0 },
    { kind: 'drained', weights: weightsOf(plan, zero), inFlight: 0, sessions: 2 },
    { kind: 'drained', weights: weightsOf(plan, percent(100)), inFlight: 1, sessions: 0 },
    { kind: 'retired' },
    { kind: 'preserved', folder: '/kept' },
    { kind: 'revert-observed', epoch: epoch + 1, weights: weightsOf(plan, zero), latch },
    { kind: 'revert-observed', epoch: epoch + 1, weights: weightsOf(plan, percent(5)), latch },
    { kind: 'revert-observed', epoch: epoch + 5, weights: weightsOf(plan, zero) },
    { kind: 'step-failed', problem: { kind: 'target', problem: { kind: 'refused', message: 'no' } } },
    { kind: 'deadline-passed' },
    { kind: 'revert-asked', by: 'erin', reason: 'slow' },
    { kind: 'cancel-asked', by: 'erin', reason: 'not now' },
    { kind: 'room-asked', by: 'd2' },
  ];
}

/** What has been proven on the way to a state, so far as later commands rest on it. */
type History = { readonly attested: boolean; readonly verified: boolean; readonly epoch: number };
type Visit = { readonly state: RolloutState; readonly history: History };
type Move = { readonly from: Visit; readonly event: RolloutEvent; readonly decision: Decision; readonly to: Visit };

const tryDecide = (plan: RolloutPlan, state: RolloutState, event: RolloutEvent): Decision | undefined => {
  try {
    return decide(plan, state, event);
  } catch (thrown) {
    // Only the loud refusal is expected here; anything else is a bug of decide.
    if (thrown instanceof Error && thrown.message.includes(`event ${event.kind} is illegal while`)) return undefined;
    throw thrown;
  }
};

const after = (history: History, event: RolloutEvent, next: RolloutState): History => ({
  attested: history.attested || (event.kind === 'attested' && next.kind === 'running'),
  verified: history.verified || (event.kind === 'verified' && next.kind === 'running'),
  epoch: event.kind === 'epoch-taken' ? event.epoch : history.epoch,
});

/** States that differ only in how high the epoch has climbed, or in numbers of a watch, lead to the same places. */
const keyOf = ({ state, history }: Visit): string =>
  JSON.stringify([history.attested, history.verified, state], (name, value: unknown) =>
    name === 'epoch' || name === 'after' || name === 'watch' ? undefined : value,
  );

function explore(plan: RolloutPlan): readonly Move[] {
  const start: Visit = { state: { kind: 'queued' }, history: { attested: false, verified: false, epoch: -1 } };
  const seen = new Set([keyOf(start)]);
  const moves: Move[] = [];
  for (const queue = [start]; queue.length > 0;) {
    const from = queue.shift()!;
    for (const event of everyEvent(plan, from.state)) {
      const decision = tryDecide(plan, from.state, event);
      if (decision === undefined) continue;
      const to = { state: decision.next, history: after(from.history, event, decision.next) };
      moves.push({ from, event, decision, to });
      if (seen.has(keyOf(to))) continue;
      seen.add(keyOf(to));
      queue.push(to);
    }
  }
  return moves;
}

const worlds = [
  { name: 'an upgrade', plan: upgrade, moves: explore(upgrade) },
  { name: 'a first release', plan: first, moves: explore(first) },
];

test('the exploration reaches every phase, every step of a revert and every end (T2: a walk that visits nothing proves nothing)', () => {
  const places = new Set(worlds.flatMap(({ plan, moves }) => moves.map((move) => placeOf(plan, move.to.state))));
  const wanted: readonly Place[] = [
    ...phaseKinds,
    ...terminalKinds,
    'claiming',
    'reclaiming',
    'retiring',
    'reverting:route',
    'reverting:drain',
    'reverting:preserve',
    'reverting:retire',
  ];
  expect(wanted.filter((place) => !places.has(place))).toEqual([]);
  expect(worlds.map(({ moves }) => moves.length > 500)).toEqual([true, true]);
});

test('decide has exactly the arrows of the table, no more and no fewer', () => {
  const line = (from: Place, on: string, to: Place): string => `${from} --${on}--> ${to}`;
  const walked = new Set(
    worlds.flatMap(({ plan, moves }) =>
      moves.map((move) => line(placeOf(plan, move.from.state), move.event.kind, placeOf(plan, move.to.state))),
    ),
  );
  const drawn = new Set(arrows.flatMap(([froms, on, tos]: Arrow) => froms.flatMap((from) => tos.map((to) => line(from, on, to)))));
  expect({ undrawn: [...walked].filter((one) => !drawn.has(one)), unwalked: [...drawn].filter((one) => !walked.has(one)) }).toEqual({
    undrawn: [],
    unwalked: [],
  });
});

test.each(worlds)('$name: no weight moves to the new slot before it was attested and verified (I6)', ({ plan, moves }) => {
  for (const { decision, to } of moves) {
    for (const command of decision.commands) {
      if (command.kind !== 'route' || command.weights[plan.candidate] === 0) continue;
      expect(to.history).toMatchObject({ attested: true, verified: true });
    }
  }
});

test.each(worlds)('$name: every route command carries the epoch this rollout took last (I14)', ({ moves }) => {
  const routes = moves.flatMap(({ event, decision, to }) =>
    decision.commands.flatMap((command) => (command.kind === 'route' ? [{ command, event, to }] : [])),
  );
  expect(routes.length).toBeGreaterThan(10);
  for (const { command, to } of routes) {
    if (to.state.kind === 'running') expect(command.epoch).toBe(to.history.epoch);
    // Taking a first release away may have to use an epoch that was taken just before a crash.
    else expect(command.epoch).toBeGreaterThanOrEqual(to.history.epoch);
  }
});

test.each(worlds)(
  '$name: once a revert began nothing raises the weight of the new slot, and there is no way forward (D03)',
  ({ plan, moves }) => {
    for (const { from, decision } of moves) {
      if (from.state.kind !== 'reverting') continue;
      expect(['reverting', ...terminalKinds]).toContain(decision.next.kind);
      expect(decision.next.kind).not.toBe('succeeded');
      for (const command of decision.commands) if (command.kind === 'route') expect(command.weights[plan.candidate]).toBe(0);
    }
  },
);

test('a revert routes before it does anything else (I2)', () => {
  for (const { from, decision } of worlds[0]!.moves) {
    if (from.state.kind === 'reverting' || decision.next.kind !== 'reverting' || decision.next.ending !== 'reverted') continue;
    expect(['revert', 'observe-revert']).toContain(decision.commands[0]?.kind);
  }
});

test('until the old slot is retired every shift carries the way back, and only the last route command closes it (I9, I15, D07)', () => {
  for (const { decision } of worlds[0]!.moves) {
    for (const command of decision.commands) {
      if (command.kind !== 'route') continue;
      const phase = decision.next.kind === 'running' ? phaseAt(upgrade, decision.next.at).kind : undefined;
      expect(command.revertTo).toBe(phase === 'retire' ? undefined : 'blue');
    }
  }
});

test('the old slot is stopped only after the router showed the way back closed and, before that, no weight, request or session or the drain deadline (D02)', () => {
  for (const { from, event, decision } of worlds[0]!.moves) {
    if (decision.commands.some((command) => command.kind === 'retire' && command.slot === 'blue') && from.state.kind !== 'retiring') {
      expect(from.state.kind === 'running' && phaseAt(upgrade, from.state.at).kind).toBe('retire');
      expect(event).toMatchObject({ kind: 'routed', weights: { blue: 0, green: 10_000 } });
      expect(from.state.kind === 'running' && committedAt(upgrade, from.state.at)).toBe(true);
    }
    const enters =
      decision.next.kind === 'running' && phaseAt(upgrade, decision.next.at).kind === 'retire' && placeOf(upgrade, from.state) === 'drain';
    if (enters && event.kind === 'drained') expect(event).toMatchObject({ weights: { blue: 0 }, inFlight: 0, sessions: 0 });
  }
});

test.each(worlds)('$name: a terminal state is terminal: every event in it is loud (D09)', ({ plan, moves }) => {
  const terminals = moves.map((move) => move.to.state).filter(isTerminal);
  expect(new Set(terminals.map((state) => state.kind)).size).toBeGreaterThanOrEqual(4);
  for (const state of terminals) {
    expect(nextCommand(plan, state)).toBeUndefined();
    expect(deadlineOf(plan, state)).toBeUndefined();
    for (const event of everyEvent(plan, state)) expect(tryDecide(plan, state, event)).toBeUndefined();
  }
});

test.each(worlds)('$name: after a crash the state read back from its row gives the same command (I4)', ({ plan, moves }) => {
  for (const { decision } of moves) {
    const read = JSON.parse(JSON.stringify(decision.next)) as RolloutState;
    expect(read).toEqual(decision.next);
    const command = nextCommand(plan, read);
    expect(command === undefined ? [] : [command]).toEqual(decision.commands);
  }
});

test.each(worlds)('$name: from everywhere the rollout ends when deadlines fire and nothing else happens (D04)', ({ plan, moves }) => {
  for (const { to } of moves) {
    let state = to.state;
    for (let fired = 0; !isTerminal(state); fired += 1) {
      if (state.kind === 'queued') break;
      expect(deadlineOf(plan, state)).toBeGreaterThan(0);
      expect(fired).toBeLessThan(10);
      state = decide(plan, state, { kind: 'deadline-passed' }).next;
    }
  }
});

test.each(worlds)('$name: a person can go back from everywhere until the old slot is being stopped (I2)', ({ plan, moves }) => {
  for (const { to } of moves) {
    const decision = tryDecide(plan, to.state, { kind: 'revert-asked', by: 'erin', reason: 'slow' });
    expect(decision !== undefined).toBe(canRevert(to.state));
    if (decision !== undefined) expect(['reverting', 'cancelled']).toContain(decision.next.kind);
  }
});

test.each(worlds)('$name: room is made only by a rollout that holds nothing but a warm slot, and says for whom (I9)', ({ plan, moves }) => {
  for (const { to } of moves) {
    const decision = tryDecide(plan, to.state, { kind: 'room-asked', by: 'd2' });
    // A controller that takes over first claims its epoch; what was asked is heard after that.
    expect(decision !== undefined).toBe(to.state.kind === 'running' && keepsWarm(plan, to.state));
    if (decision === undefined || to.state.kind !== 'running') continue;
    expect(committedAt(plan, to.state.at)).toBe(true);
    expect(placeOf(plan, decision.next)).toBe('drain');
    expect(decision.facts[0]).toEqual({ kind: 'phase-ended', phase: 'keep-warm', at: to.state.at, early: { askedBy: 'd2' } });
  }
});

test('a version that makes room is watched on until the old one is stopped, and can still be taken back (D06, I2)', () => {
  const warm = drive(upgrade, (state) => placeOf(upgrade, state) === 'keep-warm').state;
  const draining = decide(upgrade, warm, { kind: 'room-asked', by: 'd2' });
  expect(draining.commands).toEqual([{ kind: 'drain', slot: 'blue', watch: 'on' }]);
  const faulty = decide(upgrade, draining.next, { kind: 'watch-ended', watch: unwatched, verdict: fault });
  expect(placeOf(upgrade, faulty.next)).toBe('reverting:route');
  const regretted = decide(upgrade, draining.next, { kind: 'revert-asked', by: 'erin', reason: 'slow' });
  expect(placeOf(upgrade, regretted.next)).toBe('reverting:route');
});

/** Walks the happy path, or as far as `until` says, with a driver that does as told. */
function drive(
  plan: RolloutPlan,
  until: (state: RolloutState) => boolean,
): { readonly state: RolloutState; readonly commands: readonly string[] } {
  let state: RolloutState = { kind: 'queued' };
  const commands: string[] = [];
  let event: RolloutEvent | undefined = { kind: 'started', epoch: 4 };
  while (event !== undefined && !until(state)) {
    const decision: Decision = decide(plan, state, event);
    state = decision.next;
    const command = decision.commands[0];
    if (command === undefined) break;
    commands.push(
      command.kind === 'route'
        ? `route ${command.weights.blue}/${command.weights.green}${command.revertTo === undefined ? '' : ` back to ${command.revertTo}`} at ${command.epoch}`
        : command.kind,
    );
    event = obey(plan, command);
  }
  return { state, commands };
}

function obey(plan: RolloutPlan, command: Decision['commands'][number]): RolloutEvent {
  switch (command.kind) {
    case 'take-epoch':
      return { kind: 'epoch-taken', epoch: command.after + 1, weights: weightsOf(plan, zero) };
    case 'place':
      return { kind: 'placed' };
    case 'attest':
      return { kind: 'attested', attestations: [attestation] };
    case 'verify':
      return { kind: 'verified', instances: [healthy], smoke: answered };
    case 'route':
      return { kind: 'routed', epoch: command.epoch, weights: command.weights, counters };
    case 'watch':
      return { kind: 'watch-ended', watch: unwatched, verdict: pass };
    case 'commit':
      return { kind: 'committed' };
    case 'drain':
      return { kind: 'drained', weights: weightsOf(plan, command.slot === plan.candidate ? zero : percent(100)), inFlight: 0, sessions: 0 };
    case 'retire':
      return { kind: 'retired' };
    case 'preserve':
      return { kind: 'preserved', folder: '/kept' };
    case 'revert':
    case 'observe-revert':
      return { kind: 'revert-observed', epoch: 6, weights: weightsOf(plan, zero), latch };
  }
}

test('a good upgrade gives its commands in this order (R-ROLL-02)', () => {
  const { state, commands } = drive(upgrade, () => false);
  expect(state).toEqual({ kind: 'succeeded' });
  expect(commands).toEqual([
    'take-epoch',
    'place',
    'attest',
    'verify',
    'route 9500/500 back to blue at 5',
    'watch',
    'route 5000/5000 back to blue at 5',
    'watch',
    'route 0/10000 back to blue at 5',
    'watch',
    'commit',
    'watch',
    'drain',
    'route 0/10000 at 5',
    'retire',
  ]);
});

test('what is stopped or kept is named by the key of its order, not by its slot alone', () => {
  const old = drive(upgrade, ({ kind }) => kind === 'retiring').state;
  expect(nextCommand(upgrade, old)).toEqual({ kind: 'retire', slot: 'blue', key: 'd0' });
  const why = { kind: 'asked', by: 'erin', reason: 'slow' } as const;
  const going = (step: 'preserve' | 'retire') => nextCommand(upgrade, { kind: 'reverting', why, ending: 'reverted', step: { kind: step } });
  expect(going('preserve')).toEqual({ kind: 'preserve', slot: 'green', key: 'd1', name: 'd1' });
  expect(going('retire')).toEqual({ kind: 'retire', slot: 'green', key: 'd1' });
});

test('a first release gets all traffic at once and is not waited for by an old slot', () => {
  expect(drive(first, () => false).commands).toEqual(['take-epoch', 'place', 'attest', 'verify', 'route 0/10000 at 5', 'watch', 'commit']);
});

test('a controller that takes over claims a newer epoch first, so that the one before it can move nothing any more (I14)', () => {
  const { state } = drive(upgrade, (reached) => placeOf(upgrade, reached) === 'watch');
  const adopted = decide(upgrade, state, { kind: 'adopted' });
  expect(adopted.commands).toEqual([{ kind: 'take-epoch', after: 5 }]);
  // Its own take, cut off before it was recorded, is known again by being exactly one higher and without a latch.
  const again = decide(upgrade, adopted.next, { kind: 'superseded', epoch: 6 });
  expect(again.commands).toEqual([{ kind: 'take-epoch', after: 6 }]);
  const resumed = decide(upgrade, again.next, { kind: 'epoch-taken', epoch: 7, weights: weightsOf(upgrade, percent(5)) });
  expect(placeOf(upgrade, resumed.next)).toBe('watch');
});

test('a revert at the router while the controller slept is only confirmed, never undone (I2, I14)', () => {
  const { state } = drive(upgrade, (reached) => placeOf(upgrade, reached) === 'keep-warm');
  const slept = decide(upgrade, state, { kind: 'adopted' });
  const woke = decide(upgrade, slept.next, { kind: 'superseded', epoch: 6, latch });
  expect(woke.commands).toEqual([{ kind: 'observe-revert' }]);
  const confirmed = decide(upgrade, woke.next, {
    kind: 'revert-observed',
    epoch: 6,
    weights: { blue: basisPoints(10_000), green: zero },
    latch,
  });
  expect(confirmed.commands).toEqual([{ kind: 'drain', slot: 'green', watch: 'off' }]);
});

test('a fault of a first release takes its traffic away: there is nothing to go back to', () => {
  const { state } = drive(first, (reached) => placeOf(first, reached) === 'watch');
  const decision = decide(first, state, { kind: 'watch-ended', watch: unwatched, verdict: fault });
  expect(decision.commands).toEqual([{ kind: 'route', epoch: 5, weights: nothing }]);
});

test('an illegal event names the deployment, the event and where the rollout stands', () => {
  expect(() => decide(upgrade, { kind: 'queued' }, { kind: 'placed' })).toThrow('d1: event placed is illegal while queued');
  expect(otherSlot('blue')).toBe('green');
});
