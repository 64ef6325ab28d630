import { changeAuthors, type Person } from '#access';
import type { Delivery, Environment } from '#define';
import { digestOfJson, err, ok, SluiceError, type Digest, type Result } from '#kernel';
import { approvalState, approvalSubject, type ApprovalQuestion, type ApprovalState, type ApprovalSubject } from '#release';
import type { Deployment } from './deployment.ts';
import type { Source } from './ports.ts';
import type { ApprovalRecord, ReleaseRecord } from './records.ts';
import type { Store, Tx } from './store.ts';

/** The rule that asks for approvals in an environment; none asks for nobody. */
export const ruleOf = (environment: Environment): { readonly functions: readonly string[] } => environment.approvals ?? { functions: [] };

/** What has to be signed for a deployment: release, place, settings, strategy, verdicts and rule. Any change of one gives another digest (I5). */
export function subjectOf(
  delivery: Delivery,
  deployment: Pick<Deployment, 'request'>,
  release: Pick<ReleaseRecord, 'digest' | 'verdicts'>,
): Result<Digest, SluiceError> {
  const bound = boundBy(delivery, deployment, release);
  return bound.ok ? ok(approvalSubject(bound.value)) : bound;
}

/** Everything that a signature over a deployment binds, so that a person can compute the digest again before signing it. */
export function boundBy(
  delivery: Delivery,
  { request }: Pick<Deployment, 'request'>,
  release: Pick<ReleaseRecord, 'digest' | 'verdicts'>,
): Result<ApprovalSubject, SluiceError> {
  const place = placeOf(delivery, request);
  if (!place.ok) return place;
  const { environment, service } = place.value;
  const { strategy, ...settings } = service;
  return ok({
    release: release.digest,
    environment: request.environment,
    targets: [request.service],
    settings: settings,
    strategy: strategy,
    window: null,
    verdicts: release.verdicts.map(({ digest }) => digest),
    policy: digestOfJson(ruleOf(environment)),
  });
}

/** The environment of a request, and the service in it, as the engine's own definition has them. */
export function placeOf(
  delivery: Delivery,
  { environment: name, service: serviceName }: { readonly environment: string; readonly service: string },
): Result<{ readonly environment: Environment; readonly service: Environment['services'][string] }, SluiceError> {
  const environment = delivery.environments[name];
  if (environment === undefined) {
    return err(new SluiceError('notFound', `there is no environment "${name}"`, { hint: `known: ${known(delivery.environments)}` }));
  }
  const service = environment.services[serviceName];
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
  ports: { readonly store: Store; readonly source: Source; readonly delivery: Delivery; readonly now: number },
  deployment: Deployment,
  facts: { readonly release: ReleaseRecord; readonly subject: Digest },
): Promise<Standing> {
  const { store, source, delivery, now } = ports;
  const { request } = deployment;
  const { people, approvals, liveCommit } = await store.transaction(async (tx) => ({
    people: await store.people.list(tx),
    approvals: await store.approvals.of(tx, request.id),
    liveCommit: await commitOfLive(store, tx, request),
  }));
  const environment = delivery.environments[request.environment];
  const rule = environment === undefined ? { functions: [] } : ruleOf(environment);
  const authors =
    rule.functions.length === 0 ? ok(new Set<string>()) : await authorsOf(source, people, liveCommit, facts.release.commit.sha);
  const question: ApprovalQuestion = { rule, subject: facts.subject, people, authors, now };
  return { state: approvalState(question, approvals), question, approvals };
}

async function commitOfLive(store: Store, tx: Tx, { environment, service }: Deployment['request']): Promise<string | undefined> {
  const live = await store.live.now(tx, environment, service);
  return live === undefined ? undefined : (await store.releases.get(tx, live.release))?.commit.sha;
}

/** Who made what changed since the live release, in either direction: what a rollback takes away was written by somebody too. */
async function authorsOf(
  source: Source,
  people: readonly Person[],
  from: string | undefined,
  to: string,
): Promise<Result<ReadonlySet<string>, SluiceError>> {
  const added = await source.between(from, to);
  if (!added.ok) return added;
  const removed = from === undefined ? ok([]) : await source.between(to, from);
  if (!removed.ok) return removed;
  return changeAuthors([...added.value, ...removed.value], people);
}
