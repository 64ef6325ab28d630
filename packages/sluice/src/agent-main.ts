import { signalProcess, systemClock } from '#host';
import { adoptRouter, embeddedRouter, startRouter } from '#router-embedded';
import { runAgent, type RouterSupervision } from '#target-local';

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

// The agent process: the one long-lived owner of a host's instances and router. Started with the state folder as its argument.
if (import.meta.main) {
  const [stateFolder] = process.argv.slice(2);
  const outcome =
    stateFolder === undefined
      ? { refused: 'usage: agent-main <state folder>' }
      : await runAgent({ stateFolder, supervision: embeddedRouterOf(stateFolder) });
  if (outcome !== 'stopped') process.stderr.write(`${outcome.refused}\n`);
  process.exit(outcome === 'stopped' ? 0 : 1);
}
