import type { Delivery } from '#define';
import { digestOf, own, type Digest } from '#kernel';
import type { EntryHead, PendingEntry } from '#ledger';
import type { DeploymentRequest } from './deployment.ts';
import type { PipelineOutcome } from './ports.ts';
import { entryName, type Recorder } from './record.ts';
import { createdBody } from './record-agreement.ts';
import type { LiveRelease, ReleaseRecord } from './records.ts';

type Writer = { readonly record: Recorder; readonly executor: string };

/** The request, the delivery and the actor that all entries of a deployment share. */
const headOf = (request: DeploymentRequest): Pick<EntryHead, 'requestId' | 'chainId' | 'env'> => ({
  requestId: request.requestId,
  chainId: request.chainId,
  env: request.environment,
});

/** A run with its evidence and verdicts, from first to last. */
export function runEntries(
  { record, executor }: Writer,
  request: DeploymentRequest,
  facts: { readonly run: string; readonly commit: string; readonly outcome: PipelineOutcome },
): readonly PendingEntry[] {
  const { outcome, run, commit } = facts;
  const head = {
    ...headOf(request),
    env: null,
    actorRef: `controller:${executor}`,
    subject: { kind: 'run', id: run, digest: null },
  } as const;
  const { jobs } = outcome;
  const endedAt = outcome.startedAt + outcome.durationMs;
  return [
    record.entry('run.started', { ...head, at: outcome.startedAt, body: { pipeline: request.pipeline, commit, planDigest: outcome.plan } }),
    record.entry('run.finished', {
      ...head,
      at: endedAt,
      outcome: ({ pass: 'succeeded', fail: 'failed', inconclusive: 'inconclusive' } as const)[outcome.verdict],
      body: {
        pipeline: request.pipeline,
        durationMs: Math.round(outcome.durationMs),
        jobsPassed: jobs.passed,
        jobsFailed: jobs.failed,
        jobsSkipped: jobs.skipped,
        jobsCached: jobs.cached,
      },
    }),
    ...outcome.evidence.map((body) => record.entry('evidence.recorded', { ...head, at: endedAt, body })),
    ...outcome.verdicts.map(({ gate, kind, digest, policy, evidence }) =>
      record.entry('verdict.recorded', {
        ...head,
        at: endedAt,
        outcome: (
          {
            pass: 'succeeded',
            fail: 'failed',
            inconclusive: 'inconclusive',
          } as const
        )[kind],
        body: {
          gate,
          verdict: kind,
          verdictDigest: digest,
          policyDigest: policy,
          evidence,
        },
      }),
    ),
  ];
}

/** A release came to be. */
export function releaseEntry({ record, executor }: Writer, request: DeploymentRequest, release: ReleaseRecord): PendingEntry {
  return record.entry('release.created', {
    ...headOf(request),
    env: null,
    actorRef: `controller:${executor}`,
    subject: { kind: 'release', id: release.digest.replace('sha256:', ''), digest: release.digest },
    body: createdBody(release),
  });
}

/** Somebody asked for a release in an environment; a rollback is said to be one. */
export function requestedEntries(
  { record }: Writer,
  request: DeploymentRequest,
  facts: { readonly release: ReleaseRecord; readonly subject: Digest; readonly live: LiveRelease | undefined; readonly delivery: Delivery },
): readonly PendingEntry[] {
  const { release, subject, live, delivery } = facts;
  const strategy = own(own(delivery.environments, request.environment)?.services, request.service)?.strategy.kind ?? 'blue-green';
  const rollback = request.wanted.kind === 'rollback';
  const head = {
    ...headOf(request),
    actorRef: request.requestedBy,
    subject: { kind: 'deployment', id: request.id, digest: subject },
  } as const;
  const what = { service: request.service, version: release.version, releaseDigest: release.digest };
  const asked = record.entry('deployment.requested', {
    ...head,
    at: Date.parse(request.requestedAt),
    body: {
      ...what,
      strategy,
      kind: rollback ? 'rollback' : 'release',
      commit: release.commit.sha,
      previousVersion: live?.version ?? null,
      previousReleaseDigest: live?.release ?? null,
    },
  });
  return rollback ? [record.entry('rollback.requested', { ...head, at: Date.parse(request.requestedAt), body: what }), asked] : [asked];
}

/** Everything the rule asks for was signed. */
export const approvedEntry = (
  { record, executor }: Writer,
  request: DeploymentRequest,
  facts: { readonly subject: Digest; readonly given: readonly { readonly person: string; readonly function: string }[] },
): PendingEntry =>
  record.entry('deployment.approved', {
    ...headOf(request),
    actorRef: `controller:${executor}`,
    subject: { kind: 'deployment', id: request.id, digest: facts.subject },
    body: { approvals: facts.given.map(({ person, function: name }) => ({ function: name, personRef: person })) },
  });

/** What somebody told a deployment. */
export type SteeringVerb = 'cancel' | 'supersede' | 'promote' | 'hold' | 'resume' | 'abort' | 'again';

/** Somebody steered a deployment. The words of the reason stay in the rows; its digest proves them (I10). */
export const steeredEntry = (
  { record }: Writer,
  request: DeploymentRequest,
  {
    verb,
    reason,
    asker,
  }: { readonly verb: SteeringVerb; readonly reason: string; readonly asker: { readonly actorRef: string; readonly requestId: string } },
): PendingEntry =>
  record.entry('deployment.steered', {
    ...headOf(request),
    env: entryName(request.environment),
    requestId: asker.requestId,
    actorRef: asker.actorRef,
    subject: { kind: 'deployment', id: request.id, digest: null },
    body: { service: entryName(request.service), verb, reasonDigest: digestOf(reason) },
  });

/** A deployment ended before it began. */
export const cancelledEntry = (
  { record }: Writer,
  request: DeploymentRequest,
  {
    actorRef,
    code,
    outcome,
    facts = {},
  }: {
    readonly actorRef: string;
    readonly code: string;
    readonly outcome: 'cancelled' | 'failed';
    readonly facts?: Readonly<Record<string, number>>;
  },
): PendingEntry =>
  record.entry('deployment.cancelled', {
    ...headOf(request),
    // The end of a deployment must be writable whatever it was called: it may be the name that it failed of.
    env: entryName(request.environment),
    actorRef,
    outcome,
    reasons: [{ code, facts }],
    subject: { kind: 'deployment', id: request.id, digest: null },
    body: { service: entryName(request.service) },
  });
