import { assertNever } from '#kernel';
import type { DeploymentEvent, DeploymentState } from './deployment.ts';

/**
 * What a deployment becomes. Terminal states are terminal (D09): an event on one of them, or any pair not drawn here, throws, and the row stays as it is.
 *
 *   queued ─▶ requested ─▶ running ─▶ judged ─▶ released ─▶ waiting-approval ─▶ approved ─▶ rolling-out ─▶ live
 *                 │                                ▲  │ └────────────▶ (cleared) ──▲              │           │
 *                 └───── a release that exists ────┘  └─▶ skipped                                 └▶ reverted ◀┘ (while the old slot is warm)
 *   approved ──held-up──▶ approved, until it is well in the environments before
 *   approved ──slot-taken──▶ approved, behind the rollout that still holds the slot
 *   any state before live ─▶ failed;  any state before rolling-out ─▶ cancelled
 */
export function decide(state: DeploymentState, event: DeploymentEvent): DeploymentState {
  switch (event.type) {
    case 'predecessor-through':
      if (state.kind === 'queued') return { kind: 'requested' };
      break;
    case 'run-started':
      if (state.kind === 'requested') return { kind: 'running', commit: event.commit, run: event.run, scope: event.scope };
      break;
    case 'run-passed':
      if (state.kind === 'running') {
        const { verdicts, services, outputs = [], isolation } = event;
        const scope = state.scope ?? 'open';
        const walls = isolation === undefined ? {} : { isolation };
        return { kind: 'judged', commit: state.commit, run: state.run, scope, verdicts, services, outputs, ...walls };
      }
      break;
    case 'release-ready':
      if (state.kind === 'judged' || state.kind === 'requested') return { kind: 'released', release: event.release };
      break;
    case 'unchanged':
      if (state.kind === 'released') return { kind: 'skipped', release: state.release, because: event.because };
      break;
    case 'approval-needed':
      if (state.kind === 'released') {
        return { kind: 'waiting-approval', release: state.release, subject: event.subject, missing: event.missing, since: event.at };
      }
      break;
    case 'approval-given':
      if (state.kind === 'waiting-approval') return { ...state, missing: event.missing };
      break;
    case 'cleared':
      if (state.kind === 'released' || (state.kind === 'waiting-approval' && state.subject === event.subject)) {
        return { kind: 'approved', release: state.release, subject: event.subject };
      }
      break;
    case 'held-up':
      if (state.kind === 'approved') return { ...state, awaits: event.because };
      break;
    case 'slot-taken':
      if (state.kind === 'approved') return { kind: 'approved', release: state.release, subject: state.subject, behind: event.behind };
      break;
    case 'rollout-started':
      if (state.kind === 'approved') return { kind: 'rolling-out', release: state.release, rollout: event.rollout };
      break;
    case 'rollout-committed':
      if (state.kind === 'rolling-out') return { kind: 'live', release: state.release, rollout: state.rollout, at: event.at };
      break;
    case 'rollout-reverted':
      if (state.kind === 'rolling-out' || state.kind === 'live') {
        return { kind: 'reverted', release: state.release, rollout: state.rollout, because: event.because, at: event.at };
      }
      break;
    case 'failed':
      if (!ended(state)) return { kind: 'failed', error: event.error, at: event.at };
      break;
    case 'cancelled':
      if (!ended(state) && state.kind !== 'rolling-out') return { kind: 'cancelled', by: event.by, because: event.because, at: event.at };
      break;
    default:
      return assertNever(event);
  }
  throw new Error(`event ${event.type} is illegal while a deployment is ${state.kind}`);
}

function ended(state: DeploymentState): boolean {
  switch (state.kind) {
    case 'live':
    case 'skipped':
    case 'reverted':
    case 'failed':
    case 'cancelled':
      return true;
    case 'queued':
    case 'requested':
    case 'running':
    case 'judged':
    case 'released':
    case 'waiting-approval':
    case 'approved':
    case 'rolling-out':
      return false;
    default:
      return assertNever(state);
  }
}
