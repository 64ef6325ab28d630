import { sha256 } from '#kernel';
import type { Entry, Outcome } from './entry.ts';
import { epochOf } from './entry-time.ts';

/** The `DeploymentStartedEvent` contract (R-REC-02): field names and formats are fixed. */
export type DeploymentStartedEvent = {
  readonly eventId: string;
  readonly timestamp: string;
  readonly deployment: {
    readonly deploymentId: string;
    readonly serviceName: string;
    readonly version: string;
    readonly environment: string;
    readonly deploymentType: 'rolling' | 'blue_green' | 'canary';
    readonly triggeredBy: string;
    readonly estimatedDuration: string;
  };
  readonly pipeline: { readonly pipelineId: string; readonly buildNumber: number; readonly commitSha: string; readonly branch: string };
};

/** The `DeploymentCompletedEvent` contract (R-REC-02). Scores are null where there is no evidence, never 0 or 1. */
export type DeploymentCompletedEvent = {
  readonly eventId: string;
  readonly timestamp: string;
  readonly deployment: {
    readonly deploymentId: string;
    readonly serviceName: string;
    readonly version: string;
    readonly environment: string;
    readonly status: 'SUCCESS' | 'FAILED' | 'ROLLED_BACK' | 'CANCELLED';
    readonly actualDuration: string;
  };
  readonly results: {
    readonly testsExecuted: number | null;
    readonly testsPassed: number | null;
    readonly securityScore: number | null;
    readonly performanceScore: number | null;
    readonly healthChecksPassed: boolean;
  };
  readonly rollback: { readonly rollbackCapable: boolean; readonly previousVersion: string | null };
};

/** The started event of a rollout. What the ledger does not hold comes with `outside`: the name of a branch may be that of a person (I10). */
export function deploymentStartedEvent(
  requested: Entry<'deployment.requested'>,
  started: Entry<'rollout.started'>,
  outside: { readonly estimatedMs: number; readonly pipeline: DeploymentStartedEvent['pipeline'] },
): DeploymentStartedEvent {
  return {
    eventId: eventId(started),
    timestamp: timestamp(started),
    deployment: {
      deploymentId: started.subject.id,
      serviceName: started.body.service,
      version: started.body.version,
      environment: started.env ?? '',
      deploymentType: deploymentType(requested.body.strategy),
      triggeredBy: requested.actorRef,
      estimatedDuration: clockDuration(outside.estimatedMs),
    },
    pipeline: outside.pipeline,
  };
}

/** The completed event of a rollout. */
export function deploymentCompletedEvent(
  finished: Entry<'rollout.finished'>,
  evidence: Omit<DeploymentCompletedEvent['results'], 'healthChecksPassed'>,
): DeploymentCompletedEvent {
  const { body, subject, env, outcome } = finished;
  return {
    eventId: eventId(finished),
    timestamp: timestamp(finished),
    deployment: {
      deploymentId: subject.id,
      serviceName: body.service,
      version: body.version,
      environment: env ?? '',
      status: statuses[outcome],
      actualDuration: clockDuration(body.durationMs),
    },
    results: { ...evidence, healthChecksPassed: body.healthChecksPassed },
    rollback: { rollbackCapable: body.rollbackCapable, previousVersion: body.previousVersion },
  };
}

const statuses = {
  succeeded: 'SUCCESS',
  failed: 'FAILED',
  inconclusive: 'FAILED',
  refused: 'FAILED',
  cancelled: 'CANCELLED',
  reverted: 'ROLLED_BACK',
} as const satisfies Record<Outcome, DeploymentCompletedEvent['deployment']['status']>;

const deploymentType = (strategy: string): 'rolling' | 'blue_green' | 'canary' =>
  strategy === 'rolling' || strategy === 'canary' ? strategy : 'blue_green';

/** A UUID made from the entry's id, so that an event that is sent twice is the same event. Version 8: made by our own rule. */
function eventId(entry: Entry): string {
  const bytes = sha256(new TextEncoder().encode(`sluice event v1\n${entry.id}`)).slice(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

const timestamp = (entry: Entry): string => new Date(epochOf(entry.at)).toISOString();

/** `HH:MM:SS`, rounded up: an effort is never reported as none. */
function clockDuration(ms: number): string {
  const total = Math.ceil(ms / 1_000);
  return [Math.floor(total / 3_600), Math.floor(total / 60) % 60, total % 60].map((part) => String(part).padStart(2, '0')).join(':');
}
