import { formatDuration, SluiceError, visibleText, type Clock } from '#kernel';
import type { ControlClient, DeploymentWire, StatusWire } from '#server';
import { LiveRegion } from './run-view/live-region.ts';
import { statusLines } from './status-view.ts';
import type { Terminal } from './terminal.ts';

/** How often the control plane is asked while somebody watches, in milliseconds. */
const askEvery = 250;

/** What following needs: where to write, and how to reach the control plane, again and again should it go away. */
export type Following = {
  readonly connect: () => Promise<ControlClient>;
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly signal: AbortSignal;
};

/** Follows deployments until all have ended or the signal aborts; prints what changes, and draws both slots while weight moves. Answers with the last state seen. */
export async function followDeployments(
  deployments: readonly DeploymentWire[],
  { connect, terminal, clock, signal }: Following,
): Promise<readonly DeploymentWire[]> {
  const region = new LiveRegion(terminal);
  const began = clock.monotonic();
  const shown = new Map<string, string>();
  const tellProgress = progressTeller(terminal, clock, began);
  const rates = new Rates(clock);
  let latest = deployments;
  let away = false;
  for (;;) {
    for (const deployment of latest) {
      const line = `${deployment.state}: ${deployment.detail}`;
      if (shown.get(deployment.id) !== line) {
        shown.set(deployment.id, line);
        region.print([changeLine(terminal, deployment, clock.monotonic() - began)]);
      }
    }
    tellProgress(latest, region.print.bind(region));
    const open = latest.filter((deployment) => !deployment.ended);
    if (open.length === 0 || signal.aborted) break;
    try {
      const client = await connect();
      const moving = open.find((deployment) => deployment.state === 'rolling-out');
      region.draw(moving !== undefined && terminal.live ? await movingLines(client, terminal, moving, rates) : []);
      await clock.sleep(askEvery, signal).catch(() => undefined);
      latest = await Promise.all(latest.map(async (deployment) => (deployment.ended ? deployment : client.deployment(deployment.id))));
      if (away) region.print([`  ${terminal.symbol('running')} the control plane answers again`]);
      away = false;
    } catch (error) {
      // It was killed, or is being replaced: the deployment is in its database, traffic flows, and whoever starts it again finds both.
      if (!(error instanceof SluiceError) || error.code !== 'unavailable') throw error;
      if (!away)
        region.print([`  ${terminal.symbol('held')} the control plane does not answer; traffic keeps flowing, waiting for it`], () => []);
      away = true;
      await clock.sleep(askEvery, signal).catch(() => undefined);
    }
  }
  region.draw([]);
  return latest;
}

/** How often a screen that cannot be redrawn is told what is awaited, in milliseconds: often enough that nobody thinks it hangs. */
const tellEvery = 15_000;

/** Says what a rollout waits for, where nothing is drawn that shows it. */
function progressTeller(
  terminal: Terminal,
  clock: Clock,
  began: number,
): (deployments: readonly DeploymentWire[], print: (lines: readonly string[]) => void) => void {
  let toldAt = began;
  return (deployments, print) => {
    const now = clock.monotonic();
    if (terminal.live || now - toldAt < tellEvery) return;
    toldAt = now;
    for (const { service, environment, progress, ended } of deployments) {
      if (ended || progress === undefined) continue;
      const where = terminal.style('bold', visibleText(`${service} → ${environment}`));
      print([`  ${terminal.symbol('waiting')} ${formatDuration(now - began).padStart(6)}  ${where}  ${visibleText(progress)}`]);
    }
  };
}

async function movingLines(client: ControlClient, terminal: Terminal, moving: DeploymentWire, rates: Rates): Promise<readonly string[]> {
  const [status] = await client.status({ service: moving.service, environment: moving.environment });
  return status === undefined ? [] : ['', ...statusLines(terminal, status, rates.of(status)), ''];
}

function changeLine(terminal: Terminal, deployment: DeploymentWire, sinceMs: number): string {
  const sign = deployment.ended ? (deployment.good ? 'pass' : 'fail') : deployment.state === 'waiting-approval' ? 'held' : 'running';
  const where = terminal.style('bold', `${deployment.service} → ${deployment.environment}`);
  return `  ${terminal.symbol(sign)} ${formatDuration(sinceMs).padStart(6)}  ${where}  ${deployment.detail}`;
}

/** Answers per second of each slot, from one look to the next. */
export class Rates {
  readonly #clock: Clock;
  #last: { readonly at: number; readonly answers: Readonly<Record<string, number>> } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  of(status: StatusWire): Readonly<Record<string, number>> {
    const at = this.#clock.monotonic();
    const answers = Object.fromEntries(status.slots.map((slot) => [slot.slot, slot.answers]));
    const last = this.#last;
    this.#last = { at, answers };
    if (last === undefined || at <= last.at) return {};
    return Object.fromEntries(
      Object.entries(answers).map(([slot, now]) => [slot, Math.max(0, now - (last.answers[slot] ?? 0)) / ((at - last.at) / 1_000)]),
    );
  }
}
