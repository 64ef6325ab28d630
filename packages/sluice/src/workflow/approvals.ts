import { changeAuthors, membersAsRecorded, type MachineIdentities, type Member, type Person, type RecordedRegister } from '#access';
import type { ApprovalRule, Delivery, Environment } from '#define';
import { err, ok, own, SluiceError, type Digest, type Json, type Result } from '#kernel';
import { approvalState, approvedCommits, type ApprovalQuestion, type ApprovalState, type ApprovalSubject } from '#release';
import type { Deployment } from './deployment.ts';
import type { Commit, Source } from './ports.ts';
import type { ApprovalRecord, LiveRelease, ReleaseRecord } from './records.ts';
import type { Store, Tx } from './store.ts';

/** The rule that asks for approvals in an environment; none asks for nobody. */
export const ruleOf = (environment: Environment): ApprovalRule => environment.approvals ?? { functions: [] };

/** Whether a deployment needs signatures: not where nobody is asked for, nor for a rollback to what was approved before. */
const asks = (rule: ApprovalRule, { wanted }: Deployment['request']): boolean =>
  rule.functions.length > 0 && !(wanted.kind === 'rollback' && wanted.approvedBefore);

/** What has to be signed for a deployment: what goes where, what it changes from what is live, and under which rule. Any change of one gives another digest (I5). */
export async function subjectOf(
  ports: { readonly store: Store; readonly source: Source; readonly delivery: Delivery },
  { request }: Pick<Deployment, 'request'>,
  release: ReleaseRecord,
): Promise<Result<ApprovalSubject, SluiceError>> {
  const { store, source, delivery } = ports;
  const place = placeOf(delivery, request);
  if (!place.ok) return place;
  const { environment, service } = place.value;
  const { strategy, ...settings } = service;
  const rule = ruleOf(environment);
  const asked = asks(rule, request);
  const live = asked ? await store.transaction((tx) => liveWithSettings(store, tx, request)) : undefined;
  const changed = asked ? await changedCommits(source, live?.release.commit.sha ?? rule.since, release.commit.sha) : undefined;
  if (changed !== undefined && !changed.ok) return changed;
  return ok({
    environment: request.environment,
    service: request.service,
    release: approvedRelease(release),
    previous: live === undefined ? null : { ...approvedRelease(live.release), settings: live.settings },
    settings,
    strategy,
    window: null,
    verdicts: release.verdicts.map(({ gate, kind, because, digest }) => ({ gate, kind, because: because.toWellFormed(), digest })),
    rule: { functions: rule.functions, since: rule.since ?? null, machineIdentities: machinesOf(delivery) },
    commits:
      changed === undefined
        ? null
        : { added: approvedCommits(changed.value.added.map(approved)), removed: approvedCommits(changed.value.removed.map(approved)) },
  });
}

const machinesOf = (delivery: Delivery): MachineIdentities => delivery.machineIdentities ?? {};

const approvedRelease = ({ digest, version, commit, bundle }: ReleaseRecord) => ({ digest, version, commit: commit.sha, bundle });

const approved = ({ sha, subject, authorEmail, committerEmail, coAuthorEmails }: Commit) => ({
  sha,
  subject,
  author: authorEmail,
  committer: committerEmail,
  coAuthors: coAuthorEmails,
});

/** What is live, and the settings that it was started with: those of today's definition may be others. */
async function liveWithSettings(
  store: Store,
  tx: Tx,
  request: Deployment['request'],
): Promise<{ readonly release: ReleaseRecord; readonly settings: Json } | undefined> {
  const live = await liveRelease(store, tx, request);
  if (live === undefined) return undefined;
  const rollout = await store.rollouts.ofDeployment(tx, live.live.deployment);
  return { release: live.release, settings: rollout?.settings ?? {} };
}

async function liveRelease(
  store: Store,
  tx: Tx,
  { environment, service }: Deployment['request'],
): Promise<{ readonly live: LiveRelease; readonly release: ReleaseRecord } | undefined> {
  const live = await store.live.now(tx, environment, service);
  const release = live === undefined ? undefined : await store.releases.get(tx, live.release);
  return live === undefined || release === undefined ? undefined : { live, release };
}

/** The environment of a request, and the service in it, as the engine's own definition has them. */
export function placeOf(
  delivery: Delivery,
  { environment: name, service: serviceName }: { readonly environment: string; readonly service: string },
): Result<{ readonly environment: Environment; readonly service: Environment['services'][string] }, SluiceError> {
  const environment = own(delivery.environments, name);
  if (environment === undefined) {
    return err(new SluiceError('notFound', `there is no environment "${name}"`, { hint: `known: ${known(delivery.environments)}` }));
  }
  const service = own(environment.services, serviceName);
  if (service === undefined) {
    return err(
      new SluiceError('notFound', `there is no service "${serviceName}" in ${name}`, { hint: `known: ${known(environment.services)}` }),
    );
  }
  return ok({ environment, service });
}

const known = (names: object): string => Object.keys(names).toSorted().join(', ') || 'none';

/** What was approved so far, and by whom it may be approved. */
export type Standing = {
  readonly state: ApprovalState;
  readonly question: ApprovalQuestion;
  readonly approvals: readonly ApprovalRecord[];
};

/** Judges the approvals of a deployment as of now. */
export async function standing(
  ports: {
    readonly store: Store;
    readonly source: Source;
    readonly delivery: Delivery;
    readonly register: { readonly current: () => Promise<Result<RecordedRegister, SluiceError>> };
    readonly now: number;
  },
  deployment: Deployment,
  facts: { readonly release: ReleaseRecord; readonly subject: Digest },
): Promise<Standing> {
  const { store, source, delivery, register, now } = ports;
  const { request } = deployment;
  const recorded = await register.current();
  const { rows, approvals, liveCommit } = await store.transaction(async (tx) => ({
    rows: await store.people.list(tx),
    approvals: await store.approvals.of(tx, request.id),
    liveCommit: (await liveRelease(store, tx, request))?.release.commit.sha,
  }));
  const environment = own(delivery.environments, request.environment);
  const rule = environment === undefined ? { functions: [] } : ruleOf(environment);
  const machines = machinesOf(delivery);
  const recordedPeople = recorded.ok ? countingPeople(recorded.value, rows) : recorded;
  const people = recordedPeople.ok ? recordedPeople.value : [];
  const authors =
    rule.functions.length === 0
      ? ok(new Set<string>())
      : recordedPeople.ok
        ? await authorsOf({ source, people, machines }, liveCommit ?? rule.since, facts.release.commit.sha)
        : recordedPeople;
  const question: ApprovalQuestion = { rule, subject: facts.subject, people, machines, authors, now };
  return { state: approvalState(question, approvals), question, approvals };
}

/** The people whose signatures count: nobody's, while one person alone could have admitted them all. */
function countingPeople(register: RecordedRegister, rows: readonly Member[]): Result<readonly Member[], SluiceError> {
  if (register.people.size > 0 && register.confirmations < 2) {
    return err(
      new SluiceError('forbidden', 'no approval counts while one person alone keeps the register of people', {
        hint: 'give a second person the right "people": sluice people change <who> --right people',
      }),
    );
  }
  return membersAsRecorded(rows, register.people);
}

/** Commits on the way from what is live, in either direction: what a rollback takes away was written by somebody too. */
async function changedCommits(
  source: Source,
  from: string | undefined,
  to: string,
): Promise<Result<{ readonly added: readonly Commit[]; readonly removed: readonly Commit[] }, SluiceError>> {
  const added = await source.between(from, to);
  if (!added.ok) return added;
  const removed = from === undefined ? ok([]) : await source.between(to, from);
  return removed.ok ? ok({ added: added.value, removed: removed.value }) : removed;
}

/** Who made what changed since the live release. */
async function authorsOf(
  by: { readonly source: Source; readonly people: readonly Person[]; readonly machines: MachineIdentities },
  from: string | undefined,
  to: string,
): Promise<Result<ReadonlySet<string>, SluiceError>> {
  const changed = await changedCommits(by.source, from, to);
  return changed.ok ? changeAuthors([...changed.value.added, ...changed.value.removed], by.people, by.machines) : changed;
}
