import { homedir } from 'node:os';
import { signalProcess, systemClock } from '#host';
import { adoptRouter, embeddedRouter, startRouter } from '#router-embedded';
import { confinedProgramOf, openSandbox } from '#sandbox';
import { runAgent, searchPath, type AgentOptions, type RouterSupervision } from '#target-local';

/** How the agent of a state folder keeps, and at the end stops, the embedded router of the same folder. */
export function embeddedRouterOf(stateFolder: string): RouterSupervision {
  return {
    endpoints: embeddedRouter({ stateFolder, clock: systemClock }),
    ensureRunning: () => startRouter({ stateFolder, clock: systemClock }),
    stop: async () => {
      // Open connections are of services that are stopped next: there is nothing to wait for.
      for (let router = await adoptRouter(stateFolder); router !== undefined; router = await adoptRouter(stateFolder)) {
        signalProcess(router, 'SIGKILL');
        await systemClock.sleep(5);
      }
    },
  };
}

/** What instances are started in on this machine: the best that there is, found by trying. */
async function sandboxOfInstances(): Promise<NonNullable<AgentOptions['sandbox']>> {
  return { ...(await openSandbox({ path: searchPath, home: homedir() })), programOf: confinedProgramOf };
}

// The agent process: the one long-lived owner of a host's instances and router. Started with the state folder as its argument.
if (import.meta.main) {
  const [stateFolder] = process.argv.slice(2);
  const outcome =
    stateFolder === undefined
      ? { refused: 'usage: agent-main <state folder>' }
      : await runAgent({ stateFolder, supervision: embeddedRouterOf(stateFolder), sandbox: await sandboxOfInstances() });
  if (outcome !== 'stopped') process.stderr.write(`${outcome.refused}\n`);
  process.exit(outcome === 'stopped' ? 0 : 1);
}
