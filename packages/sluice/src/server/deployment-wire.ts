import { assertNever, shortDigest } from '#kernel';
import {
  isActive,
  type Deployment,
  type DeploymentState,
  type GateVerdict,
  type Predecessor,
  type RolloutRecord,
  type Setback,
  type Wanted,
} from '#workflow';
import { awaits } from './rollout-progress.ts';
import type { DeploymentWire } from './schema.ts';

/** What is known beside the row of a deployment. */
export type DeploymentAround = { readonly rollout?: RolloutRecord; readonly setback?: Setback; readonly nameOf?: ActorNames };

/** Turns a reference of the record into what a reader may see. */
export type ActorNames = (actorRef: string) => string;

/** People are named by their references in what is stored; a reader sees their names. */
export const namesIn = (text: string, nameOf: ActorNames): string => text.replaceAll(/person:[0-9a-f-]{36}/g, nameOf);

const anonymous: ActorNames = (ref) => (ref.startsWith('person:') ? `person ${ref.slice(7, 15)}` : ref);

/** A deployment as clients see it. */
export function deploymentToWire({ request, state }: Deployment, around: DeploymentAround = {}): DeploymentWire {
  const { rollout, setback, nameOf = anonymous } = around;
  const awaited = rollout === undefined || !isActive(state) ? undefined : awaits(rollout);
  const trouble = setback === undefined || !isActive(state) ? '' : `; ${describeSetback(setback)}`;
  return {
    id: request.id,
    service: request.service,
    environment: request.environment,
    wanted: wantedText(request.wanted),
    requestedAt: request.requestedAt,
    state: state.kind,
    detail: namesIn(`${describeDeployment(state, nameOf)}${trouble}`, nameOf),
    ...(awaited === undefined ? {} : { progress: awaited }),
    ended: !isActive(state),
    good: state.kind === 'live' || state.kind === 'skipped',
    ...('commit' in state ? { commit: { ...state.commit, tags: [...state.commit.tags] } } : {}),
    ...('run' in state ? { run: state.run } : {}),
    ...('release' in state ? { release: { digest: state.release.digest, version: state.release.version } } : {}),
    ...('verdicts' in state ? { verdicts: state.verdicts.map(verdictToWire) } : {}),
    ...('rollout' in state ? { rollout: state.rollout } : {}),
    ...(state.kind === 'failed' ? { error: state.error } : {}),
  };
}

/** A verdict without what only the ledger needs. */
const verdictToWire = ({ gate, kind, because, digest }: GateVerdict): NonNullable<DeploymentWire['verdicts']>[number] => ({
  gate,
  kind,
  because,
  digest,
});

function wantedText(wanted: Wanted): string {
  switch (wanted.kind) {
    case 'ref':
      return wanted.ref;
    case 'release':
    case 'rollback':
      return wanted.release;
    default:
      return assertNever(wanted);
  }
}

/** What fails, how often, and that it is tried again: a person shall see it where the deployment is shown. */
const describeSetback = ({ kind, tries, message }: Setback): string =>
  kind === 'waits'
    ? `waits, tried ${tries === 1 ? 'once' : `${tries} times`}: ${message}`
    : `failed ${tries === 1 ? 'once' : `${tries} times`}, and is tried again: ${message}`;

const describePredecessor = ({ version, keepsWarm }: Predecessor): string =>
  keepsWarm === undefined ? `the rollout of ${version} is ending` : `${version} keeps ${keepsWarm} warm and was asked to let it go`;

/** What a deployment waits for, or how it ended, in one line. */
function describeDeployment(state: DeploymentState, nameOf: ActorNames = anonymous): string {
  switch (state.kind) {
    case 'queued':
      return `waits for deployment ${state.after}`;
    case 'requested':
      return 'looks the commit up';
    case 'running':
      return `runs the pipeline for ${state.commit.sha.slice(0, 7)} "${state.commit.subject}" (run ${state.run})`;
    case 'judged':
      return `${state.verdicts.length} of ${state.verdicts.length} gates pass; packs the release`;
    case 'released':
      return `release ${shortDigest(state.release.digest)} (${state.release.version}) is made`;
    case 'waiting-approval':
      return `waits for ${state.missing.join(' and ')} to approve release ${shortDigest(state.release.digest)} (${state.release.version})`;
    case 'approved':
      return `release ${shortDigest(state.release.digest)} (${state.release.version}) may go in${state.awaits === undefined ? '' : `, not yet: ${state.awaits}`}${state.behind === undefined ? '' : ` once the slot is free: ${describePredecessor(state.behind)}`}`;
    case 'rolling-out':
      return `rolls out ${state.release.version}`;
    case 'live':
      return `${state.release.version} is live`;
    case 'skipped':
      return `nothing to do: ${state.because}`;
    case 'reverted':
      return `${state.release.version} was taken back: ${state.because}`;
    case 'failed':
      return state.error.message;
    case 'cancelled':
      return `cancelled by ${nameOf(state.by)}: ${state.because}`;
    default:
      return assertNever(state);
  }
}
