import { assertNever, formatBasisPoints, formatDuration, shortDigest } from '#kernel';
import type { EntryType, Outcome, PendingEntry, Reason } from './entry.ts';
import { epochOf } from './entry-time.ts';

/** Which entries a timeline tells. */
export type TimelineOf =
  | { readonly kind: 'deployment'; readonly id: string }
  | { readonly kind: 'chain'; readonly id: string }
  | { readonly kind: 'everything' };

/** An entry of the log, or one that waits for its index. */
export type ToldEntry = PendingEntry & { readonly seq?: number };

/** One fact of a timeline. */
export type TimelineFact = {
  /** Index in the log; undefined while the entry waits for the sequencer. */
  readonly seq: number | undefined;
  readonly at: string;
  /** Milliseconds since the first fact. */
  readonly sinceMs: number;
  readonly type: EntryType;
  readonly outcome: Outcome;
  readonly what: string;
};

/** Turns the random reference of a person into what the reader may see; the ledger itself knows no name (I10). */
export type PersonNames = (personRef: string) => string;

const anonymous: PersonNames = (ref) => `person ${ref.slice(0, 8)}`;

/** What happened, in words, in the order in which it happened: a revert that entered late stands at its own time (I7). */
export function timeline(entries: Iterable<ToldEntry>, of: TimelineOf, nameOf: PersonNames = anonymous): readonly TimelineFact[] {
  const facts = [...entries]
    .filter((entry) => belongs(entry, of))
    .map((entry) => ({ seq: entry.seq, at: ownTime(entry), type: entry.type, outcome: entry.outcome, what: describeEntry(entry, nameOf) }))
    .toSorted((a, b) => (a.at === b.at ? (a.seq ?? Infinity) - (b.seq ?? Infinity) || 0 : a.at < b.at ? -1 : 1));
  const start = facts[0] === undefined ? 0 : epochOf(facts[0].at);
  return facts.map((fact) => ({ ...fact, sinceMs: epochOf(fact.at) - start }));
}

/** One entry in words. */
export function describeEntry(entry: PendingEntry, nameOf: PersonNames = anonymous): string {
  // The registry below has the words of each type; TypeScript cannot see that the entry and its words are of the same one.
  const words = phrases[entry.type] as (one: PendingEntry, nameOf: PersonNames) => string;
  const because = entry.reasons.map(describeReason).join('; ');
  return because === '' ? words(entry, nameOf) : `${words(entry, nameOf)}: ${because}`;
}

/** A reason in words: `latency-above (limitUs 50000, p99Us 61250)`. */
export function describeReason({ code, facts }: Reason): string {
  const shown = Object.entries(facts).map(([name, value]) => `${name} ${value}`);
  return shown.length === 0 ? code : `${code} (${shown.join(', ')})`;
}

function belongs(entry: PendingEntry, of: TimelineOf): boolean {
  switch (of.kind) {
    case 'everything':
      return true;
    case 'chain':
      return entry.chainId === of.id;
    case 'deployment':
      if (entry.type === 'revert.journaled') return entry.body.deploymentId === of.id;
      return entry.subject.kind === 'deployment' && entry.subject.id === of.id;
    default:
      return assertNever(of);
  }
}

const ownTime = (entry: PendingEntry): string => (entry.type === 'revert.journaled' ? entry.body.happenedAt : entry.at);

const actor = (entry: PendingEntry, nameOf: PersonNames): string => {
  const [kind = '', ref = ''] = entry.actorRef.split(':');
  return kind === 'person' ? nameOf(ref) : kind;
};

const seconds = (from: string, to: string): string => formatDuration(Math.max(0, epochOf(to) - epochOf(from)));

type Phrases = { readonly [T in EntryType]: (entry: PendingEntry<T>, nameOf: PersonNames) => string };

const phrases = {
  'identity.added': (entry, nameOf) => `${nameOf(entry.subject.id)} became known (${entry.body.functions.join(', ') || 'no function'})`,
  'register.founded': ({ body }) => `the register of people was founded with ${body.founders.length}; a change of it takes ${body.needed}`,
  'register.tightened': ({ body }) => `from now on a change of the register of people takes ${body.needed}`,
  'person.admitted': (entry, nameOf) =>
    `${nameOf(entry.subject.id)} was admitted (${entry.body.person.functions.join(', ') || 'no function'})${confirmedBy(entry.body, nameOf)}`,
  'person.changed': (entry, nameOf) =>
    `${nameOf(entry.subject.id)} was changed (${entry.body.person.functions.join(', ') || 'no function'})${confirmedBy(entry.body, nameOf)}`,
  'person.removed': (entry, nameOf) => `${nameOf(entry.subject.id)} was removed from the register${confirmedBy(entry.body, nameOf)}`,
  'machine.admitted': ({ body }, nameOf) => `machine ${body.name} may ${body.rights.join(', ')}${confirmedBy(body, nameOf)}`,
  'machine.revoked': ({ body, subject }, nameOf) =>
    `the token of machine ${subject.id.slice(0, 8)} was revoked${confirmedBy(body, nameOf)}`,
  'lease.granted': ({ body, env }, nameOf) =>
    `${env ?? 'an environment'} may do without ${body.lowers} until ${body.expiresAt.slice(0, 16)}Z${confirmedBy(body, nameOf)}`,
  'lease.ended': ({ body, env }, nameOf) => `a lease of ${env ?? 'an environment'} was ended${confirmedBy(body, nameOf)}`,
  'run.started': ({ body }) => `pipeline ${body.pipeline} started${body.commit === null ? '' : ` on ${body.commit.slice(0, 7)}`}`,
  'run.finished': ({ body, outcome }) =>
    `pipeline ${body.pipeline} ${outcome} in ${formatDuration(body.durationMs)}: ${body.jobsPassed} jobs passed, ${body.jobsFailed} failed, ${body.jobsCached} cached`,
  'evidence.recorded': ({ body }) => `${body.format} report of ${body.job}${counted(body.counts)}, ${shortDigest(body.reportDigest)}`,
  'verdict.recorded': ({ body }) => `gate ${body.gate}: ${body.verdict}`,
  'release.created': ({ body, subject }) => `release ${body.version}${subject.digest === null ? '' : ` is ${shortDigest(subject.digest)}`}`,
  'deployment.requested': (entry, nameOf) => {
    const { service, version, previousVersion } = entry.body;
    return `${actor(entry, nameOf)} asked for ${service} ${previousVersion === null ? '' : `${previousVersion} → `}${version} in ${entry.env ?? 'no environment'}`;
  },
  'approval.granted': ({ body }, nameOf) =>
    `${nameOf(body.personRef)} (${body.functions.join(', ')}) approved ${shortDigest(body.subjectDigest)}`,
  'approval.refused': ({ body }, nameOf) =>
    `an approval by ${body.personRef === null ? 'nobody known' : nameOf(body.personRef)} was refused`,
  'deployment.approved': ({ body }, nameOf) =>
    `approved by ${body.approvals.map((approval) => `${nameOf(approval.personRef)} (${approval.function})`).join(' and ') || 'rule: nobody has to sign'}`,
  'deployment.steered': (entry, nameOf) => `${actor(entry, nameOf)} ${steered[entry.body.verb]} ${entry.body.service}`,
  'deployment.cancelled': ({ body }) => `deployment of ${body.service} cancelled`,
  'rollout.started': ({ body }) => `rollout of ${body.service} ${body.version} on ${body.slot}, epoch ${body.epoch}`,
  'rollout.phase-finished': ({ body, outcome }) => `${body.phase} ${outcome} (${formatDuration(body.durationMs)})`,
  'rollout.weight-changed': ({ body }) => `${body.slot} ${formatBasisPoints(body.fromBp)} → ${formatBasisPoints(body.toBp)}`,
  'rollout.verdict': ({ body }) =>
    `${body.phase}: ${body.verdict} after ${body.samplesNew} answers of the new slot, ${body.samplesOld} of the old`,
  'rollout.reverted': ({ body }) => {
    const safe = body.safeAt === null ? '' : `, ${seconds(body.decidedAt, body.safeAt)} after the decision`;
    const fault = body.faultAt === null || body.safeAt === null ? '' : `, ${seconds(body.faultAt, body.safeAt)} after the first fault`;
    return `all traffic of ${body.service} back on ${body.slot}${safe}${fault}`;
  },
  'rollout.committed': ({ body }) => `${body.service} committed on ${body.slot}: ${shortDigest(body.releaseDigest)} is live`,
  'rollout.finished': ({ body, outcome }) => `rollout of ${body.service} ${body.version} ${outcome} in ${formatDuration(body.durationMs)}`,
  'revert.journaled': ({ body, at, subject }) =>
    `router took ${subject.id} back to ${body.slot}, epoch ${body.epoch} (entered ${seconds(body.happenedAt, at)} later)`,
  'rollback.requested': (entry, nameOf) => `${actor(entry, nameOf)} asked for ${entry.body.service} back to ${entry.body.version}`,
  'controller.took-over': ({ body }) =>
    `another controller took over ${body.deployments} deployments${body.fromInstance === null ? '' : ` from ${body.fromInstance}`}`,
  'ledger.key-rotated': ({ body }) => `the ledger's key ${body.oldKeyId} was followed by ${body.newKeyId}`,
} as const satisfies Phrases;

const steered = {
  cancel: 'cancelled the deployment of',
  supersede: 'asked for something newer instead of the waiting deployment of',
  promote: 'sent on the rollout of',
  hold: 'held the rollout of',
  resume: 'ended the hold on',
  abort: 'aborted the rollout of',
  again: 'asked again for a taken-back release of',
} as const;

const confirmedBy = (
  { confirmations }: { readonly confirmations: readonly { readonly personRef: string }[] },
  nameOf: PersonNames,
): string => (confirmations.length === 0 ? '' : `, confirmed by ${confirmations.map(({ personRef }) => nameOf(personRef)).join(' and ')}`);

function counted(counts: Readonly<Record<string, number | string>>): string {
  const shown = Object.entries(counts).map(([name, value]) => `${value} ${name}`);
  return shown.length === 0 ? '' : ` (${shown.join(', ')})`;
}
