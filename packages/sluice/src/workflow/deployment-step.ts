import type { Delivery } from '#define';
import { isoTime, toWireError, type Isolation, type SluiceError } from '#kernel';
import type { PendingEntry } from '#ledger';
import type { Deployment, DeploymentEvent } from './deployment.ts';
import { cancelledEntry } from './deployment-entries.ts';
import type { DriverContext } from './driver-context.ts';
import type { ArtifactBuilder, PipelineRunner, Source } from './ports.ts';
import type { Tx } from './store.ts';

/** What a deployment needs before it is a rollout. */
export type DeploymentContext = DriverContext & {
  readonly delivery: Delivery;
  readonly source: Source;
  /** Refs whose commits are trusted, as the serving definition has them. */
  readonly protectedRefs: readonly string[];
  readonly pipelines: PipelineRunner;
  readonly artifacts: ArtifactBuilder;
  readonly checkoutFolder: (run: string) => string;
  readonly isolation: Isolation;
};

/** What a step came to: the event, and what is written in the same transaction. */
export type Outcome = {
  readonly event: DeploymentEvent;
  readonly entries?: readonly PendingEntry[];
  readonly also?: (tx: Tx) => Promise<void>;
};

/** The end of a deployment that never moved traffic; its code goes to the ledger, its words stay in the row. */
export function failure(context: DeploymentContext, error: SluiceError, { request }: Deployment): Outcome {
  const code = error.code.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return {
    event: { type: 'failed', error: toWireError(error), at: isoTime(context.clock.now()) },
    entries: [cancelledEntry(context, request, { actorRef: `controller:${context.executor}`, code, outcome: 'failed' })],
  };
}
