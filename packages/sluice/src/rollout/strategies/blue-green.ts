import {
  basisPoints,
  type BasisPoints,
  type Duration,
  formatBasisPoints,
  hours,
  milliseconds,
  minutes,
  seconds,
  SluiceError,
} from '#kernel';
import type { Phase } from '../phase.ts';
import type { BlueGreenPolicy } from '../policy.ts';

/** Unpacking and starting: an archive of some 100 MB on a slow disk, with room to spare. */
const prepareWithin = minutes(2);
/** Hashing what was unpacked and what runs: seconds even for large archives. */
const attestWithin = minutes(1);
/** Until healthy and smoke-tested. The target gives up by itself at the service's own `startWithin`; this is for a target that never answers (D04). */
const verifyWithin = minutes(10);
/** A router answers in milliseconds; ten seconds outlast its restart. */
const shiftWithin = seconds(10);
/** One transaction; half a minute outlasts a restart of the database. */
const commitWithin = seconds(30);
/** Closing the way back at the router, then SIGTERM, the service's own deadline, SIGKILL. */
const retireWithin = minutes(5);
/** A watch may be measured anew once, after its router was restarted, and needs a moment to begin. */
const watchSlack = minutes(1);
/** `stay` leaves exposure where it is until evidence or a person comes; after a day nobody will. */
const stayAtMost = hours(24);
/** The watch of a full step that nobody declared: long enough for hard faults, which show within a second. */
const undeclaredWatch = seconds(10);

const whole = basisPoints(10_000);

type Step = { readonly weight: BasisPoints; readonly watch: Duration };

/**
 * Blue-green with canary steps. The last step is always the whole traffic: it is added, watched as long as the step before it, when it was not written.
 * The first release of a service has no old slot to compare with or to go back to: it gets everything at once and the first step's watch.
 */
export function blueGreen(policy: BlueGreenPolicy, facts: { readonly firstRelease: boolean }): readonly Phase[] {
  const steps = completeSteps(policy.steps);
  const attest: Phase = { kind: 'attest', deadline: attestWithin };
  const arrive: readonly Phase[] = [{ kind: 'prepare', deadline: prepareWithin }, attest, { kind: 'verify', deadline: verifyWithin }];
  const expose = (step: Step): readonly Phase[] => [
    { kind: 'shift', weight: step.weight, deadline: shiftWithin },
    { kind: 'watch', weight: step.weight, for: step.watch, deadline: watchWithin(step.watch, policy) },
  ];
  const commit: Phase = { kind: 'commit', deadline: commitWithin };
  if (facts.firstRelease) return [...arrive, ...expose({ weight: whole, watch: steps[0]?.watch ?? undeclaredWatch }), attest, commit];
  return [
    ...arrive,
    // What was measured before a watch says nothing about after it: a tree that was changed meanwhile gets no more weight, and is not committed to (I6).
    ...steps.flatMap((step, at) => (at === 0 ? expose(step) : [attest, ...expose(step)])),
    attest,
    commit,
    { kind: 'keep-warm', for: policy.keepWarm, deadline: watchWithin(policy.keepWarm, policy) },
    { kind: 'drain', deadline: policy.drainWithin },
    { kind: 'retire', deadline: retireWithin },
  ];
}

/** Rising steps that end at the whole. A step that does not rise would be watched for nothing: refused, never reordered (D17). */
function completeSteps(steps: readonly Step[]): readonly Step[] {
  for (const [at, step] of steps.entries()) {
    const before = steps[at - 1]?.weight ?? 0;
    if (step.weight <= before) {
      throw new SluiceError(
        'config',
        `steps[${at}].weight: ${formatBasisPoints(step.weight)} does not rise above ${formatBasisPoints(before)}`,
        {
          hint: 'give each step a larger share than the one before it, for example 5 %, 50 %, 100 %',
        },
      );
    }
  }
  const last = steps.at(-1);
  if (last?.weight === whole) return steps;
  return [...steps, { weight: whole, watch: last?.watch ?? undeclaredWatch }];
}

function watchWithin(length: Duration, policy: BlueGreenPolicy): Duration {
  const { holdFor, then } = policy.onInconclusive;
  return milliseconds(2 * length + holdFor + watchSlack + (then === 'stay' ? stayAtMost : 0));
}
