import { assertNever } from '#kernel';
import { type Crash, describeCrash } from './crash.ts';
import type { Phase } from './phase.ts';
import type { Latch, RouterRefusal, TargetProblem } from './ports.ts';
import type { Fault } from './watch-verdict.ts';

/** What went wrong in a step, as data. */
export type Problem =
  | { readonly kind: 'target'; readonly problem: TargetProblem }
  | { readonly kind: 'router'; readonly refusal: RouterRefusal }
  | { readonly kind: 'attestation'; readonly message: string }
  | { readonly kind: 'verification'; readonly message: string; readonly crash?: Crash }
  | { readonly kind: 'slot-in-use'; readonly message: string }
  /** Something nobody foresaw failed again and again: the rollout ends instead of trying for ever. */
  | { readonly kind: 'gave-up'; readonly tries: number; readonly message: string };

/** Where in a rollout something happened. */
export type Where = Phase['kind'] | 'claim' | `revert-${'route' | 'drain' | 'preserve' | 'retire'}`;

/** Why a rollout did not succeed. */
export type Reason =
  | { readonly kind: 'problem'; readonly during: Where; readonly problem: Problem }
  | { readonly kind: 'fault'; readonly during: Where; readonly fault: Fault }
  | { readonly kind: 'inconclusive'; readonly during: Where; readonly because: string; readonly crash?: Crash }
  | { readonly kind: 'deadline'; readonly during: Where }
  | { readonly kind: 'asked'; readonly by: string; readonly reason: string }
  | { readonly kind: 'latched'; readonly latch: Latch }
  | { readonly kind: 'superseded'; readonly epoch: number };

/** The crash behind a reason, where there is one. */
export function crashBehind(reason: Reason): Crash | undefined {
  switch (reason.kind) {
    case 'fault':
      return reason.fault.crash;
    case 'problem':
      return reason.problem.kind === 'verification' ? reason.problem.crash : undefined;
    case 'inconclusive':
      return reason.crash;
    case 'deadline':
    case 'asked':
    case 'latched':
    case 'superseded':
      return undefined;
    default:
      return assertNever(reason);
  }
}

/** The same reason with a crash that was found after it was decided: a fault shows in requests before anybody has looked at the process. */
export const withCrash = (reason: Reason, crash: Crash | undefined): Reason =>
  crash === undefined || reason.kind !== 'fault' || reason.fault.crash !== undefined
    ? reason
    : { ...reason, fault: { ...reason.fault, crash } };

/** A reason in one line, for people: a crash first, then what it did to requests. */
export function describeReason(reason: Reason): string {
  const crash = crashBehind(reason);
  return crash === undefined ? describeCause(reason) : `${describeCrash(crash)}; ${describeCause(reason)}`;
}

function describeCause(reason: Reason): string {
  switch (reason.kind) {
    case 'problem':
      return `${reason.during}: ${describeProblem(reason.problem)}`;
    case 'fault':
      return reason.fault.because;
    case 'inconclusive':
      return `${reason.during} could not decide: ${reason.because}`;
    case 'deadline':
      return `${reason.during} did not end within its deadline`;
    case 'asked':
      return `asked by ${reason.by}: ${reason.reason}`;
    case 'latched':
      return `reverted at the router by ${reason.latch.by}: ${reason.latch.reason}`;
    case 'superseded':
      return `another rollout took the router at epoch ${reason.epoch}`;
    default:
      return assertNever(reason);
  }
}

/** A problem in one line, for people. */
export function describeProblem(problem: Problem): string {
  switch (problem.kind) {
    case 'target':
      return `target: ${problem.problem.message}`;
    case 'router':
      return `router: ${describeRefusal(problem.refusal)}`;
    case 'gave-up':
      return `gave up after ${problem.tries} tries: ${problem.message}`;
    case 'attestation':
    case 'verification':
    case 'slot-in-use':
      return problem.message;
    default:
      return assertNever(problem);
  }
}

/** Whether the same command may succeed a moment later: then a driver repeats it within the deadline of its step. */
export function worthRepeating(problem: Problem): boolean {
  if (problem.kind === 'target') return problem.problem.kind === 'unreachable';
  return problem.kind === 'router' && (problem.refusal.kind === 'unreachable' || problem.refusal.kind === 'not-durable');
}

function describeRefusal(refusal: RouterRefusal): string {
  switch (refusal.kind) {
    case 'stale-epoch':
      return `epoch is ${refusal.epoch} now`;
    case 'latched':
      return `latched at epoch ${refusal.epoch} by ${refusal.latch.by}: ${refusal.latch.reason}`;
    case 'unknown-service':
      return 'does not know this service';
    case 'nothing-to-revert-to':
      return 'has nothing to revert to';
    case 'port-in-use':
      return `port ${refusal.port} is in use`;
    case 'not-durable':
    case 'unreachable':
      return refusal.message;
    default:
      return assertNever(refusal);
  }
}
