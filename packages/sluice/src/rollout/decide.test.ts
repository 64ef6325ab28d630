import { expect, test } from 'vitest';
import { type Arrow, arrows, type Place, placeOf } from './arrows.ts';
import { canRevert, decide, keepsWarm } from './decide.ts';
import { everyEvent, tryDecide, worlds } from './fixtures/explored.ts';
import { upgrade } from './fixtures/upgrade.ts';
import { deadlineOf, nextCommand, phaseAt } from './next-command.ts';
import { phaseKinds } from './phase.ts';
import { committedAt } from './rollout-plan.ts';
import { isTerminal, type RolloutState, terminalKinds } from './state.ts';

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

test.each(worlds)(
  '$name: no weight moves to the new slot before it was verified, and attested since weight moved last (I6)',
  ({ plan, moves }) => {
    for (const { decision, to } of moves) {
      for (const command of decision.commands) {
        if (command.kind !== 'route' || command.weights[plan.candidate] === 0) continue;
        expect(to.history).toMatchObject({ attested: true, verified: true });
      }
    }
  },
);

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
