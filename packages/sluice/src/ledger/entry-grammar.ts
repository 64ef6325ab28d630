import type { EntryBodies, EntryHead, EntryType, Outcome, Reason, SubjectKind } from './entry.ts';
import {
  commitId,
  count,
  digest,
  facts,
  type Field,
  id,
  integer,
  jobName,
  list,
  logKeyId,
  name,
  object,
  oneOf,
  orNull,
  personRef,
  publicKey,
  signature,
  text,
  time,
  truth,
  version,
  weight,
} from './entry-fields.ts';

/** What one entry type is about, and a reader for each version of its body; retired versions stay. */
type Grammar = { readonly [T in EntryType]: { readonly subject: SubjectKind; readonly versions: { readonly 1: Field<EntryBodies[T]> } } };

const slot = oneOf('blue', 'green');
const verdict = oneOf('pass', 'fail', 'inconclusive');
const functions = list(name, 16);
const person = object({ personRef, publicKey, functions, rights: list(name, 16), memberDigest: digest });
const confirmed = {
  register: count,
  confirmations: list(object({ personRef, expiresAt: time, signature }), 8),
} as const;

/** The registry of entry types: a type without a reader does not compile. */
export const grammar = {
  'identity.added': { subject: 'person', versions: { 1: object({ keyDigest: digest, functions }) } },
  'register.founded': { subject: 'register', versions: { 1: object({ register: count, needed: count, founders: list(person, 64) }) } },
  'register.tightened': { subject: 'register', versions: { 1: object({ register: count, needed: count }) } },
  'person.admitted': { subject: 'person', versions: { 1: object({ ...confirmed, person }) } },
  'person.changed': { subject: 'person', versions: { 1: object({ ...confirmed, person }) } },
  'person.removed': { subject: 'person', versions: { 1: object(confirmed) } },
  'machine.admitted': {
    subject: 'machine',
    versions: { 1: object({ ...confirmed, name, rights: list(name, 16), tokenDigest: digest, expiresAt: orNull(time) }) },
  },
  'machine.revoked': { subject: 'machine', versions: { 1: object(confirmed) } },
  'lease.granted': { subject: 'lease', versions: { 1: object({ ...confirmed, lowers: name, expiresAt: time, reasonDigest: digest }) } },
  'lease.ended': { subject: 'lease', versions: { 1: object(confirmed) } },
  'run.started': { subject: 'run', versions: { 1: object({ pipeline: name, commit: orNull(commitId), planDigest: digest }) } },
  'run.finished': {
    subject: 'run',
    versions: {
      1: object({ pipeline: name, durationMs: count, jobsPassed: count, jobsFailed: count, jobsSkipped: count, jobsCached: count }),
    },
  },
  'evidence.recorded': { subject: 'run', versions: { 1: object({ job: jobName, format: name, reportDigest: digest, counts: facts }) } },
  'verdict.recorded': {
    subject: 'run',
    versions: { 1: object({ gate: name, verdict, verdictDigest: digest, policyDigest: digest, evidence: list(digest, 256) }) },
  },
  'release.created': {
    subject: 'release',
    versions: {
      1: object({
        version,
        commit: commitId,
        runId: id,
        artifacts: list(object({ digest, service: name }), 256),
        verdicts: list(digest, 256),
      }),
    },
  },
  'deployment.requested': {
    subject: 'deployment',
    versions: {
      1: object({
        service: name,
        version,
        releaseDigest: digest,
        strategy: name,
        kind: oneOf('release', 'rollback'),
        commit: orNull(commitId),
        previousVersion: orNull(version),
        previousReleaseDigest: orNull(digest),
      }),
    },
  },
  'approval.granted': {
    subject: 'deployment',
    versions: { 1: object({ personRef, functions, subjectDigest: digest, keyDigest: digest, signature, expiresAt: time }) },
  },
  'approval.refused': { subject: 'deployment', versions: { 1: object({ personRef: orNull(personRef), subjectDigest: digest }) } },
  'deployment.approved': {
    subject: 'deployment',
    versions: { 1: object({ approvals: list(object({ function: name, personRef }), 16) }) },
  },
  'deployment.steered': {
    subject: 'deployment',
    versions: {
      1: object({
        service: name,
        verb: oneOf('cancel', 'supersede', 'promote', 'hold', 'resume', 'abort', 'again'),
        reasonDigest: digest,
      }),
    },
  },
  'deployment.cancelled': { subject: 'deployment', versions: { 1: object({ service: name }) } },
  'rollout.started': {
    subject: 'deployment',
    versions: { 1: object({ service: name, version, releaseDigest: digest, slot, epoch: count }) },
  },
  'rollout.phase-finished': { subject: 'deployment', versions: { 1: object({ service: name, phase: name, durationMs: count }) } },
  'rollout.weight-changed': {
    subject: 'deployment',
    versions: { 1: object({ service: name, epoch: count, slot, fromBp: weight, toBp: weight }) },
  },
  'rollout.verdict': {
    subject: 'deployment',
    versions: { 1: object({ service: name, phase: name, verdict, samplesNew: count, samplesOld: count }) },
  },
  'rollout.reverted': {
    subject: 'deployment',
    versions: { 1: object({ service: name, epoch: count, slot, faultAt: orNull(time), decidedAt: time, safeAt: orNull(time) }) },
  },
  'rollout.committed': { subject: 'deployment', versions: { 1: object({ service: name, slot, releaseDigest: digest }) } },
  'rollout.finished': {
    subject: 'deployment',
    versions: {
      1: object({
        service: name,
        version,
        previousVersion: orNull(version),
        durationMs: count,
        healthChecksPassed: truth,
        rollbackCapable: truth,
      }),
    },
  },
  'revert.journaled': {
    subject: 'service',
    versions: { 1: object({ slot, epoch: count, happenedAt: time, journalDigest: digest, deploymentId: orNull(id) }) },
  },
  'rollback.requested': { subject: 'deployment', versions: { 1: object({ service: name, version, releaseDigest: digest }) } },
  'controller.took-over': { subject: 'controller', versions: { 1: object({ fromInstance: orNull(id), deployments: count }) } },
  'ledger.key-rotated': { subject: 'ledger', versions: { 1: object({ oldKeyId: logKeyId, newKeyId: logKeyId, newKeyDigest: digest }) } },
} as const satisfies Grammar;

const outcome: Field<Outcome> = oneOf('succeeded', 'failed', 'inconclusive', 'refused', 'cancelled', 'reverted');
const actorRef = text(
  /(?:(?:person|machine):[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|operator|(?:controller|sequencer|agent|router|runner)(?::[0-9A-Za-z-]{1,64})?)/,
  'person:<uuid>, machine:<uuid>, operator or a process of the engine',
);
const reason = object<Reason>({ code: text(/[a-z][a-z0-9]*(?:-[a-z0-9]+)*/, 'the code of a reason'), facts });

/** Readers of the members that stand before and after `body` in canonical order. */
export const headFields = {
  actorRef,
  at: time,
  chainId: id,
  env: orNull(name),
  id,
  inputs: list(object({ digest, name }), 256),
  outcome,
  reasons: list(reason, 32),
  requestId: id,
  seq: integer(0, Number.MAX_SAFE_INTEGER),
  subject: (kind: SubjectKind) =>
    object({
      digest: orNull(digest),
      id: kind === 'person' || kind === 'machine' ? personRef : kind === 'service' ? name : id,
      kind: oneOf(kind),
    }),
} as const satisfies { readonly [K in Exclude<keyof EntryHead, 'v' | 'subject'>]: Field<EntryHead[K]> } & {
  readonly subject: (kind: SubjectKind) => Field<EntryHead['subject']>;
};
