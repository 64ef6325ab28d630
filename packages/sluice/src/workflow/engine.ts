import type { Card, Confirmation, Member, Principal, RequestClaim, RequestStatement } from '#access';
import type { Delivery } from '#define';
import { err, ok, own, SluiceError, type Digest, type Result } from '#kernel';
import type { RouterObservation } from '#rollout';
import { ruleOf } from './approvals.ts';
import type { Asker } from './asker.ts';
import {
  approvalView,
  approve,
  requestDeployments,
  revert,
  type ApprovalView,
  type DeployOrder,
  type RevertAnswer,
  type Signature,
} from './commands.ts';
import { controller } from './controller.ts';
import type { Deployment } from './deployment.ts';
import type { DeploymentContext } from './deployment-step.ts';
import { launchDurable } from './durable.ts';
import { keepLease } from './leases.ts';
import { isAway, persist } from './persistence.ts';
import type { EnginePorts } from './ports.ts';
import {
  authenticateMachine,
  authenticatePerson,
  confirm,
  foundPeople,
  join,
  refuseChange,
  registerView,
  submit,
  tighten,
  type ChangeAnswer,
  type Founder,
  type RegisterView,
  type Submission,
} from './people.ts';
import { RegisterReader } from './recorded-register.ts';
import { recorder } from './record.ts';
import { signedIn } from './record-agreement.ts';
import type { LiveRelease, ReleaseRecord } from './records.ts';
import { distinctRouters, pullReverts } from './reverts.ts';
import { rollback, type RollbackOrder } from './rollback.ts';
import type { RolloutRecord } from './rollout-record.ts';
import { serviceKey } from './rollout-start.ts';
import { sequence, type SequencerEnd } from './sequencer.ts';
import type { Setback } from './setback-record.ts';
import { currentSetback } from './setback.ts';
import { cancel, steer, type CancelTarget, type Place, type Steering } from './steering.ts';
import type { DeploymentFilter, EntryFilter, StoredCheckpoint, StoredEntry } from './store.ts';
import { noTrigger, type Trigger } from './trigger-points.ts';

export type EngineOptions = {
  /** Names this engine in the database: the same one after a restart on the same state folder takes up its own work at once. */
  readonly executor: string;
  readonly databaseUrl: string;
  /** The engine's own definition: environments and their protections come from here, never from a commit. */
  readonly delivery: Delivery;
  /** One line for the operator's log. */
  readonly warn?: (message: string) => void;
  readonly trigger?: Trigger;
};

/** What one service does in one environment, from the rows and, where it answers, the router. */
export type ServiceView = {
  readonly environment: string;
  readonly service: string;
  readonly live?: LiveRelease;
  readonly deployment?: Deployment;
  readonly rollout?: RolloutRecord;
  /** What keeps failing where the deployment stands now. */
  readonly setback?: Setback;
  readonly router: { readonly kind: 'seen'; readonly seen: RouterObservation } | { readonly kind: 'silent'; readonly because: string };
};

/** How the log stands: a sequencer that refuses to sign stops every forward move in protected environments, and says why here. */
export type LedgerHealth = {
  readonly checkpoint: StoredCheckpoint | undefined;
  readonly sequencer: SequencerEnd | { readonly kind: 'ours' };
};

type Asked<T> = Promise<Result<T, SluiceError>>;

/** The running engine, as servers and command lines see it. */
export type Engine = {
  readonly requestDeployment: (order: DeployOrder, asker: Asker) => Asked<readonly Deployment[]>;
  readonly approvalView: (deployment: string) => Asked<ApprovalView>;
  readonly approve: (deployment: string, signature: Signature, requestId: string) => Asked<ApprovalView>;
  readonly revert: (
    place: { readonly environment: string; readonly service: string },
    why: { readonly by: string; readonly reason: string; readonly actorRef: string },
  ) => Asked<RevertAnswer>;
  readonly rollback: (order: RollbackOrder, asker: Asker) => Asked<Deployment>;
  /** Ends what waits or is stuck, without moving production. */
  readonly cancel: (target: CancelTarget, reason: string, asker: Asker) => Asked<Deployment>;
  /** Tells the rollout of a service to go on, to stay, to be judged again, or to end. */
  readonly steer: (place: Place, steering: Steering, asker: Asker) => Asked<Deployment>;
  readonly deployment: (
    id: string,
  ) => Asked<{ readonly deployment: Deployment; readonly rollout?: RolloutRecord; readonly setback?: Setback }>;
  readonly deployments: (filter: DeploymentFilter) => Asked<readonly Deployment[]>;
  readonly services: () => Asked<readonly ServiceView[]>;
  readonly releases: (limit: number) => Asked<readonly ReleaseRecord[]>;
  readonly release: (digest: Digest) => Asked<ReleaseRecord>;
  readonly timeline: (filter: EntryFilter) => Asked<readonly StoredEntry[]>;
  /** Resolves once an entry has its place in the signed log. */
  readonly waitIntegrated: (entry: string) => Promise<number>;
  /** As the register has them, for names; what counts is asked of `register`. */
  readonly people: () => Asked<readonly Member[]>;
  readonly register: RegisterCommands;
  readonly ledger: () => Asked<LedgerHealth>;
  readonly stop: () => Promise<void>;
};

/** Who may do what, and the changes of it. */
export type RegisterCommands = {
  readonly view: () => Asked<RegisterView>;
  readonly found: (founders: readonly Founder[]) => Asked<'founded' | 'there'>;
  readonly join: (asked: { readonly card: Card; readonly salt: string }, asker: Asker) => Asked<ChangeAnswer>;
  readonly submit: (asked: Submission, principal: Principal, requestId: string) => Asked<ChangeAnswer>;
  readonly confirm: (number: number, confirmation: Confirmation, principal: Principal, requestId: string) => Asked<ChangeAnswer>;
  readonly refuse: (number: number, principal: Principal) => Asked<void>;
  readonly person: (claim: RequestClaim, request: Pick<RequestStatement, 'method' | 'target' | 'body'>) => Asked<Principal>;
  readonly machine: (token: string) => Asked<Principal>;
};

const SEQUENCER_AGAIN_MS = 250;

/** Starts to drive deployments, to number ledger entries, to bring in reverts and to watch over other engines on the same database. */
export async function startEngine(ports: EnginePorts, options: EngineOptions): Promise<Engine> {
  const stopping = new AbortController();
  const { signal } = stopping;
  const { store, clock } = ports;
  const { executor, delivery } = options;
  const warn = options.warn ?? (() => undefined);
  const protectedRefs = delivery.protectedRefs ?? (await defaultRefs(ports.source, warn));
  const context: DeploymentContext = {
    ...ports,
    protectedRefs,
    executor,
    delivery,
    signal,
    record: recorder(ports),
    register: new RegisterReader({ ...ports, warn }),
    isSigned: signedIn(store, ports.keys),
    isProtected: (environment) => {
      const definition = own(delivery.environments, environment);
      return definition !== undefined && ruleOf(definition).functions.length > 0;
    },
    declarationOf: ({ environment, plan }) => {
      const service = plan.service.slice(environment.length + 1);
      const port = own(own(delivery.environments, environment)?.services, service)?.listen;
      const { traffic = 'request', sticky } = own(delivery.services, service) ?? {};
      return { traffic, ...(port === undefined ? {} : { port }), ...(sticky === undefined ? {} : { sticky }) };
    },
    trigger: options.trigger ?? noTrigger,
    persist: (until, work) => persist(ports, until, work),
  };
  await store.transaction((tx) => store.leases.begin(tx, executor));
  const drivers = controller(context, warn);
  const { databaseUrl } = options;
  // The library brings its own tables up to date at start, and two of it at once deadlock.
  const durable = await store.exclusively(() => launchDurable({ databaseUrl, executor, turn: drivers.turn, onLost: drivers.lost, warn }));
  let sequencer: LedgerHealth['sequencer'] = { kind: 'not-ours' };

  const wakeAll = (deployments: readonly Deployment[]): Promise<unknown> =>
    Promise.all(deployments.filter(({ state }) => state.kind !== 'queued').map(({ request }) => drivers.wake(durable, request.id)));

  const sequenceForEver = async (): Promise<void> => {
    let told = '';
    const tell = (line: string): void => {
      if (line !== told) warn(line);
      told = line;
    };
    while (!signal.aborted) {
      sequencer = { kind: 'ours' };
      const end = await sequence(ports, executor, signal).catch((error: unknown): SequencerEnd => {
        if (!isAway(error) && !signal.aborted) tell(`ledger: ${error instanceof Error ? error.message : String(error)}`);
        return { kind: 'lost' };
      });
      if (end.kind === 'refused') tell(end.error.message);
      sequencer = end;
      await clock.sleep(SEQUENCER_AGAIN_MS, signal).catch(() => undefined);
    }
  };

  const background = [
    keepLease({
      store,
      clock,
      executor,
      signal,
      warn,
      onLost: async () => {
        warn('this engine was silent for so long that another one took its work over; it starts again with nothing');
        await drivers.dropAll();
      },
      onDead: async (other) => {
        const recovered = await durable.recover(other);
        await tookOver(context, other, recovered);
        warn(`engine ${other} is gone: took over ${recovered} of its deployments`);
      },
    }),
    sequenceForEver(),
    drivers.reconcile(durable),
    answered(() => tighten(context)).then((tight) => (tight.ok || signal.aborted ? undefined : warn(tight.error.message))),
    pullReverts(
      context,
      distinctRouters(Object.keys(delivery.environments), (name) => ports.environment(name).router),
      warn,
    ),
  ];
  const running = Promise.all(background.map((task) => task.catch((error: unknown) => warn(String(error)))));

  return {
    requestDeployment: async (order, asker) => {
      const asked = await answered(() => requestDeployments(context, order, asker));
      if (asked.ok) await wakeAll(asked.value);
      return asked;
    },
    approvalView: (id) => answered(() => approvalView(context, id)),
    approve: async (id, signature, requestId) => {
      const approved = await answered(() => approve(context, id, signature, requestId));
      if (approved.ok && approved.value.deployment.state.kind === 'approved') await wakeAll([approved.value.deployment]);
      return approved;
    },
    revert: (place, why) => answered(() => revert(context, place, why)),
    rollback: async (order, asker) => {
      const asked = await answered(() => rollback(context, order, asker));
      if (asked.ok) await wakeAll([asked.value]);
      return asked;
    },
    cancel: (target, reason, asker) => answered(() => cancel(context, target, reason, asker)),
    steer: (place, steering, asker) => answered(() => steer(context, place, steering, asker)),
    deployment: (id) =>
      answered(() =>
        store.transaction(async (tx) => {
          const deployment = await store.deployments.get(tx, id);
          if (deployment === undefined) return err(new SluiceError('notFound', `there is no deployment ${id}`, { hint: 'sluice status' }));
          const rollout = await store.rollouts.ofDeployment(tx, id);
          const setback = await currentSetback(store, tx, deployment, rollout);
          return ok({ deployment, ...(rollout && { rollout }), ...(setback && { setback }) });
        }),
      ),
    deployments: (filter) => read((tx) => store.deployments.list(tx, filter)),
    services: () => answered(async () => ok(await serviceViews(context))),
    releases: (limit) => read((tx) => store.releases.list(tx, limit)),
    release: (digest) =>
      answered(async () => {
        const release = await store.transaction((tx) => store.releases.get(tx, digest));
        return release === undefined ? err(new SluiceError('notFound', `there is no release ${digest}`)) : ok(release);
      }),
    timeline: (filter) => read((tx) => store.entries.list(tx, filter)),
    waitIntegrated: async (entry) => {
      for (;;) {
        const number = await persist(ports, signal, (tx) => store.entries.numberOf(tx, entry));
        if (number !== undefined) return number;
        await clock.sleep(5, signal);
      }
    },
    people: () => read((tx) => store.people.list(tx)),
    register: {
      view: () => answered(() => registerView(context)),
      found: (founders) => answered(() => foundPeople(context, founders)),
      join: (asked, asker) => answered(() => join(context, asked, asker)),
      submit: (asked, principal, requestId) => answered(() => submit(context, asked, principal, requestId)),
      confirm: (number, confirmation, principal, requestId) => answered(() => confirm(context, number, confirmation, principal, requestId)),
      refuse: (number, principal) => answered(() => refuseChange(context, number, principal)),
      person: (claim, request) => answered(() => authenticatePerson(context, claim, request)),
      machine: (token) => answered(() => authenticateMachine(context, token)),
    },
    ledger: () => answered(async () => ok({ checkpoint: await store.transaction((tx) => store.log.checkpoint(tx)), sequencer })),
    stop: async () => {
      stopping.abort(new Error('the engine stops'));
      await drivers.dropAll();
      await running;
      await durable.stop();
      // The next engine on this database need not wait for this lease to lapse.
      await store
        .transaction(async (tx) => {
          const own = (await store.leases.list(tx)).find((lease) => lease.executor === executor);
          if (own !== undefined) await store.leases.remove(tx, executor, own.beat);
        })
        .catch(() => undefined);
    },
  };

  function read<T>(work: Parameters<typeof store.transaction<T>>[0]): Asked<T> {
    return answered(async () => ok(await store.transaction(work)));
  }
}

/** Read once, at the start: what the working tree is switched to later does not become trusted by it. */
async function defaultRefs(source: EnginePorts['source'], warn: (line: string) => void): Promise<readonly string[]> {
  const refs = await source.defaultRefs();
  if (refs.ok) return refs.value;
  warn(`no branch is trusted: ${refs.error.message}`);
  return [];
}

/** Expected failures that were thrown on the way, such as a database that is away, as answers. */
async function answered<T>(work: () => Asked<T>): Asked<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SluiceError) return err(error);
    throw error;
  }
}

async function tookOver(context: DeploymentContext, other: string, deployments: number): Promise<void> {
  const { record, executor, ids } = context;
  await context.persist(context.signal, (tx) =>
    record.append(tx, [
      record.entry('controller.took-over', {
        actorRef: `controller:${executor}`,
        subject: { kind: 'controller', id: executor, digest: null },
        env: null,
        requestId: ids.next(),
        chainId: ids.next(),
        body: { fromInstance: other, deployments },
      }),
    ]),
  );
}

async function serviceViews({ store, delivery, environment: portsOf }: DeploymentContext): Promise<readonly ServiceView[]> {
  const places = Object.entries(delivery.environments).flatMap(([environment, { services }]) =>
    Object.keys(services).map((service) => ({ environment, service })),
  );
  return Promise.all(
    places.map(async ({ environment, service }): Promise<ServiceView> => {
      const [rows, seen] = await Promise.all([
        store.transaction(async (tx) => {
          const live = await store.live.now(tx, environment, service);
          const [deployment] = await store.deployments.list(tx, { environment, service, limit: 1 });
          const own = deployment === undefined ? undefined : await store.rollouts.ofDeployment(tx, deployment.request.id);
          const setback = deployment === undefined ? undefined : await currentSetback(store, tx, deployment, own);
          // While the newest deployment waits, the rollout of the one before it may still go on.
          const key = serviceKey(environment, service);
          const rollout = own ?? (await store.rollouts.active(tx)).find(({ plan }) => plan.service === key);
          return { ...(live && { live }), ...(deployment && { deployment }), ...(rollout && { rollout }), ...(setback && { setback }) };
        }),
        portsOf(environment).router.observe(serviceKey(environment, service)),
      ]);
      const router = seen.ok
        ? ({ kind: 'seen', seen: seen.value } as const)
        : ({ kind: 'silent', because: 'message' in seen.error ? seen.error.message : seen.error.kind } as const);
      return { environment, service, ...rows, router };
    }),
  );
}
