import type { DBOSConfig } from '@dbos-inc/dbos-sdk';
import { deploymentStory, type TurnEnd } from './deployment.workflow.ts';

/** Ours, and constant: workflows of older and newer builds are the same loop, so any build may recover them. */
const APPLICATION_VERSION = 'sluice-1';

export type DurableOptions = {
  readonly databaseUrl: string;
  readonly executor: string;
  /** Does one turn of a deployment. Never rejects; never resolves when the work is not this engine's any more. */
  readonly turn: (deployment: string) => Promise<TurnEnd>;
  /** A story cannot go on: the library met an error that it does not repeat, between two turns. Its deployment is driven by nobody until it is started again. */
  readonly onLost: (deployment: string) => void;
  readonly warn: (message: string) => void;
};

/** Drives stories so that a crash costs a turn and nothing else. */
export type Durable = {
  /** Begins or continues the story of a deployment; `attempt` makes one that was parked a new one. */
  readonly start: (deployment: string, attempt: string) => Promise<void>;
  /** Takes over what a dead engine left: its stories go back into the queue, done turns are not done again. */
  readonly recover: (executor: string) => Promise<number>;
  readonly stop: () => Promise<void>;
};

/** The library keeps one registry in a process, so what runs is registered once and finds its engine here. */
let engine: DurableOptions | undefined;
let story: ((deployment: string) => Promise<TurnEnd>) | undefined;

/** Starts the library. One engine at a time in a process. */
export async function launchDurable(options: DurableOptions): Promise<Durable> {
  if (engine !== undefined) throw new Error('an engine runs in this process already');
  const [{ DBOS }, { DBOSExecutor }, { dbRetryConfig }] = await Promise.all([
    import('@dbos-inc/dbos-sdk'),
    import('@dbos-inc/dbos-sdk/internal/dbos-executor'),
    import('@dbos-inc/dbos-sdk/internal/utils'),
  ]);
  // A database that was away is asked again within a second, not after a minute: deployments wait for it.
  dbRetryConfig.initialBackoffSec = 0.1;
  dbRetryConfig.maxBackoffSec = 0.5;
  engine = options;
  story ??= DBOS.registerWorkflow(
    async (deployment: string) => {
      try {
        return await deploymentStory(
          (name, effect) => DBOS.runStep(effect, { name }),
          () => turnOf(deployment),
        );
      } catch (error) {
        engine?.onLost(deployment);
        throw error;
      }
    },
    { name: 'deployment', maxRecoveryAttempts: 1_000_000 },
  );
  const registered = story;
  DBOS.setConfig(configuration(options));
  try {
    await DBOS.launch();
  } catch (error) {
    engine = undefined;
    throw error;
  }
  return {
    start: async (deployment, attempt) => {
      await DBOS.startWorkflow(registered, { workflowID: `${deployment}.${attempt}` })(deployment);
    },
    recover: async (executor) => (await DBOSExecutor.globalInstance?.recoverPendingWorkflows([executor]))?.length ?? 0,
    stop: async () => {
      engine = undefined;
      await DBOS.shutdown();
    },
  };
}

/** A turn of an engine that has stopped never ends: its story stays as it is for whoever recovers it. */
const turnOf = (deployment: string): Promise<TurnEnd> => engine?.turn(deployment) ?? new Promise<TurnEnd>(() => undefined);

/** A database behind a Unix socket has its folder in the query and no host; the library insists on one, and the driver prefers the query. */
const withHost = (url: string): string => url.replace(/^(postgres(?:ql)?:\/\/[^@/]*@)\//, '$1localhost/');

function configuration({ databaseUrl, executor, warn }: DurableOptions): DBOSConfig {
  const quiet = (): void => undefined;
  // At a shutdown it names the stories that go on later: that is what they are for.
  const told = (entry: unknown): void => (String(entry).startsWith('Shutting down while') ? undefined : warn(String(entry)));
  return {
    name: 'sluice',
    systemDatabaseUrl: withHost(databaseUrl),
    systemDatabasePoolSize: 6,
    applicationVersion: APPLICATION_VERSION,
    executorID: executor,
    logger: { info: quiet, debug: quiet, warn: told, error: told },
    tracingEnabled: false,
    enableOTLP: false,
  };
}
