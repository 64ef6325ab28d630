import { z } from 'zod';
import { errorCodes, isErrorCode, wholeName, type ErrorCode } from '#kernel';

/**
 * The wire: every request and answer of the HTTP API, in one place. Written out here and not borrowed from the rooms, so that a refactoring
 * inside cannot change what clients see.
 */

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'expected a digest: sha256: and 64 hexadecimal digits');
const name = z.string().min(1).max(64).regex(wholeName('thing'), 'expected a name: a letter, then letters, digits, "_" or "-"');
const instant = z.iso.datetime();
const slotName = z.enum(['blue', 'green']);

const reasonText = z.string().trim().min(1, 'expected a reason').max(1_000);

/** Asks for a deployment of services, in this order, of what a git reference names. */
export const deployRequest = z.strictObject({
  services: z.array(name).max(64),
  ref: z.string().min(1).max(256),
  environment: name,
  pipeline: name.optional(),
  /** Ends an older deployment of the same service that only waits, in the same moment. */
  supersede: z.boolean().optional(),
  /** Why a release that was taken back here is asked for all the same. */
  again: reasonText.optional(),
});

/** Asks for an earlier release again. `to` is a version or a digest; without it the release that was live before. */
export const rollbackRequest = z.strictObject({
  service: name,
  environment: name,
  to: z.string().min(1).max(256).optional(),
  again: reasonText.optional(),
});

/** Asks for all traffic back on the slot that is still warm. */
export const revertRequest = z.strictObject({ service: name, environment: name, reason: z.string().max(1_000) });

/** Ends a deployment that waits or is stuck: by its id, or the one of a service. Production stays as it is. */
export const cancelRequest = z
  .strictObject({
    deployment: z.string().min(1).max(64).optional(),
    service: name.optional(),
    environment: name.optional(),
    reason: reasonText,
  })
  .refine(({ deployment, service, environment }) => (deployment === undefined) === (service !== undefined && environment !== undefined), {
    message: 'name a deployment, or a service and its environment',
  });

/** Tells the rollout of a service to go on to its next step, to be judged again, or to end. */
export const steerRequest = z.strictObject({ service: name, environment: name, reason: reasonText });

/** Keeps the rollout of a service where it is, for at most a day. */
export const holdRequest = steerRequest.extend({ forMs: z.number().int().min(1_000).max(86_400_000).optional() });

/** A signature over an approval subject and the deployment it is handed in for, until `expiresAt`: all of it signed. */
export const approveRequest = z.strictObject({
  person: z.string().min(1).max(64),
  subject: digest,
  expiresAt: instant,
  signature: z.string().min(1).max(1_024),
});

const verdictWire = z.strictObject({
  gate: z.string(),
  kind: z.enum(['pass', 'fail', 'inconclusive']),
  because: z.string(),
  digest,
});

const errorBody = z.strictObject({
  code: z.custom<ErrorCode>(isErrorCode, `expected one of ${Object.keys(errorCodes).join(', ')}`),
  message: z.string(),
  details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  hint: z.string().optional(),
});

/** What every refused request answers with. */
export const errorWire = z.strictObject({ error: errorBody });

/** One deployment: a release of a service on its way into an environment. */
export const deploymentWire = z.strictObject({
  id: z.string(),
  service: z.string(),
  environment: z.string(),
  /** What was asked for: a git reference, or the digest of a release. */
  wanted: z.string(),
  requestedAt: instant,
  state: z.string(),
  /** In one line, what it waits for or how it ended. */
  detail: z.string(),
  ended: z.boolean(),
  /** True when it ended with the new version live, or with nothing to do. */
  good: z.boolean(),
  commit: z.strictObject({ sha: z.string(), subject: z.string(), tags: z.array(z.string()) }).optional(),
  run: z.string().optional(),
  release: z.strictObject({ digest, version: z.string() }).optional(),
  verdicts: z.array(verdictWire).optional(),
  error: errorBody.optional(),
  rollout: z.string().optional(),
  /** What a rollout is waiting for now: it changes from look to look. */
  progress: z.string().optional(),
});

/** What an approver reads before signing: the document as text, because its very bytes are digested and shown. Who signed already is not part of it. */
export const approvalView = z.strictObject({
  deployment: z.string(),
  document: z.string().max(16 * 1024 * 1024),
  given: z.array(z.strictObject({ person: z.string(), function: z.string() })).max(64),
  missing: z.array(z.string()).max(64),
});

const instanceWire = z.strictObject({
  name: z.string(),
  state: z.string(),
  pid: z.number().int().optional(),
  address: z.string().optional(),
  restarts: z.number().int(),
  note: z.string().optional(),
  /** How its process ended the last time by itself, and what it said then. */
  exit: z.string().optional(),
  lastLines: z.array(z.string()).optional(),
  memoryBytes: z.number().optional(),
});

const slotWire = z.strictObject({
  slot: slotName,
  version: z.string().optional(),
  weightBasisPoints: z.number().int(),
  answers: z.number(),
  errors: z.number(),
  inFlight: z.number(),
  sessions: z.number(),
  /** Microseconds, from the router's histogram of this generation; absent without answers. */
  p50: z.number().optional(),
  p99: z.number().optional(),
  instances: z.array(instanceWire),
});

const phaseWire = z.strictObject({
  kind: z.string(),
  state: z.enum(['waiting', 'running', 'done', 'failed']),
  weightBasisPoints: z.number().int().optional(),
  /** Milliseconds since the rollout started. */
  began: z.number().optional(),
  ended: z.number().optional(),
});

/** A deployment that has not moved any traffic yet. */
const waitingWire = z.strictObject({
  deployment: z.string(),
  wanted: z.string(),
  version: z.string().optional(),
  state: z.string(),
  /** In one line, what it waits for. */
  detail: z.string(),
  /** Functions of which somebody still has to sign. */
  missing: z.array(z.string()),
  since: instant,
  by: z.string(),
});

/** How the last deployment of a service ended, where that was not well. */
const lastWire = z.strictObject({ deployment: z.string(), state: z.string(), detail: z.string(), at: instant, by: z.string() });

/** A service in an environment: what is live, what moves, and what both slots do now. */
const statusWire = z.strictObject({
  service: z.string(),
  environment: z.string(),
  listen: z.string().optional(),
  live: z.strictObject({ version: z.string(), release: digest, since: instant, slot: slotName }).optional(),
  router: z.union([
    z.strictObject({
      reachable: z.literal(true),
      epoch: z.number().int(),
      latch: z.strictObject({ at: z.string(), by: z.string(), reason: z.string() }).optional(),
    }),
    z.strictObject({ reachable: z.literal(false), message: z.string() }),
  ]),
  slots: z.array(slotWire),
  rollout: z
    .strictObject({
      id: z.string(),
      deployment: z.string(),
      version: z.string(),
      candidate: slotName,
      state: z.string(),
      detail: z.string(),
      startedAt: instant,
      /** What is being waited for, or who holds it. */
      awaits: z.string().optional(),
      phases: z.array(phaseWire),
    })
    .optional(),
  waiting: waitingWire.optional(),
  last: lastWire.optional(),
  /** Reverts that the router journaled and that are not yet in the record. */
  pendingReverts: z.number().int(),
});

/** One line of a timeline. */
const timelineLine = z.strictObject({
  number: z.number().int().optional(),
  at: z.string(),
  type: z.string(),
  text: z.string(),
});

/** The record's head as it is signed now. */
export const checkpointWire = z.strictObject({ size: z.number().int(), note: z.string(), publicKey: z.string() });

/** A proof that an entry of a deployment is in the record, for a verifier that has nothing but the public key. */
export const proofWire = z.strictObject({
  deployment: z.string(),
  number: z.number().int(),
  entry: z.string(),
  proof: z.string(),
  publicKey: z.string(),
});

/** Who answers under this address. */
export const aboutWire = z.strictObject({
  product: z.literal('sluice'),
  version: z.string(),
  delivery: z.string(),
  executor: z.string(),
  pid: z.number().int(),
});

export const deploymentList = z.strictObject({ deployments: z.array(deploymentWire) });
export const statusList = z.strictObject({ services: z.array(statusWire) });
export const timelineList = z.strictObject({ lines: z.array(timelineLine) });

export type DeployRequest = z.infer<typeof deployRequest>;
export type RollbackRequest = z.infer<typeof rollbackRequest>;
export type CancelRequest = z.infer<typeof cancelRequest>;
export type SteerRequest = z.infer<typeof steerRequest>;
export type HoldRequest = z.infer<typeof holdRequest>;
export type RevertRequest = z.infer<typeof revertRequest>;
export type ApproveRequest = z.infer<typeof approveRequest>;
export type DeploymentWire = z.infer<typeof deploymentWire>;
export type ApprovalView = z.infer<typeof approvalView>;
export type StatusWire = z.infer<typeof statusWire>;
export type SlotWire = z.infer<typeof slotWire>;
export type TimelineLine = z.infer<typeof timelineLine>;
export type CheckpointWire = z.infer<typeof checkpointWire>;
export type ProofWire = z.infer<typeof proofWire>;
export type AboutWire = z.infer<typeof aboutWire>;
