import { errorCodes, SluiceError, type ErrorCode } from '#kernel';
import type { ControlClient, DeploymentWire } from '#server';
import { flag, jsonOption, text, type Command, type Invocation } from '../command.ts';
import { reasonOf } from '../asked-place.ts';
import { followDeployments } from '../deployment-view.ts';
import { onlyEnvironment } from '../only-environment.ts';
import { stopCode } from '../interruption.ts';
import { environmentOption, stateOption } from '../options.ts';
import type { Terminal } from '../terminal.ts';
import { wrapped } from '../text.ts';

const command: Command = {
  name: 'deploy',
  summary: 'take a commit through the pipeline into an environment',
  usage: '<service>... <ref> [--environment <name>]',
  example: [
    'sluice deploy api v1.1.0 --environment staging',
    '  ● 0.1s  api → staging  runs the pipeline for 4f2c1ab "faster risk checks"',
    '  ✔ 14.2s  api → staging  v1.1.0 is live',
  ],
  options: {
    ...environmentOption,
    pipeline: { type: 'string', short: 'p', value: 'name', says: 'the pipeline to run (default: default)' },
    supersede: { type: 'boolean', says: 'end an older deployment of it that only waits, and take this instead' },
    again: { type: 'boolean', says: 'also when this release was taken back here; needs --reason' },
    reason: { type: 'string', short: 'r', value: 'text', says: 'why it comes again: kept with who asked' },
    detach: { type: 'boolean', says: 'do not wait for the end' },
    ...stateOption,
    ...jsonOption,
  },
  words: [2, 65],
  verdict: true,
  run: async (invocation) => {
    const { terminal, world } = invocation;
    const services = invocation.words.slice(0, -1);
    const ref = invocation.words.at(-1) ?? '';
    const plane = await world.controlPlane(text(invocation, 'state'));
    const client = await plane.client();
    const environment = text(invocation, 'environment') ?? (await onlyEnvironment(world));
    const pipeline = text(invocation, 'pipeline');
    const asked = await client.deploy({
      services,
      ref,
      environment,
      ...(pipeline === undefined ? {} : { pipeline }),
      ...(flag(invocation, 'supersede') ? { supersede: true } : {}),
      ...(flag(invocation, 'again') ? { again: reasonOf(invocation, 'deploy --again') } : {}),
    });
    const json = flag(invocation, 'json');
    if (flag(invocation, 'detach')) {
      if (json) terminal.json({ deployments: asked });
      else for (const one of asked) terminal.print(`${one.id}  ${one.service} → ${one.environment}  ${one.detail}`);
      return 0;
    }
    const ended = json
      ? await followSilently(asked, invocation.world, async (id) => client.deployment(id))
      : await followDeployments(asked, { connect: async () => plane.client(), terminal, clock: world.clock, signal: world.interrupt });
    if (json) terminal.json({ deployments: ended });
    else if (ended.some((one) => !one.ended)) terminal.note(...goesOn(ended));
    if (!json) await showAddresses(invocation, client, ended);
    if (!json) terminal.print(...afterwards(terminal, ended));
    // Whoever stops watching has seen no end: the deployment goes on, and this is no verdict on it.
    return (ended.some((one) => !one.ended) ? stopCode(world.asked) : undefined) ?? exitCodeOf(ended);
  },
};

export default command;

async function followSilently(
  asked: readonly DeploymentWire[],
  world: Parameters<Command['run']>[0]['world'],
  get: (id: string) => Promise<DeploymentWire>,
): Promise<readonly DeploymentWire[]> {
  let latest = asked;
  while (latest.some((one) => !one.ended) && !world.interrupt.aborted) {
    await world.clock.sleep(200, world.interrupt).catch(() => undefined);
    latest = await Promise.all(latest.map(async (one) => (one.ended ? one : get(one.id))));
  }
  return latest;
}

/** Where the services that went live answer. */
async function showAddresses({ terminal }: Invocation, client: ControlClient, ended: readonly DeploymentWire[]): Promise<void> {
  for (const { service, environment, state } of ended) {
    if (state !== 'live') continue;
    const [status] = await client.status({ service, environment }).catch(() => []);
    if (status?.listen !== undefined) terminal.print(terminal.style('gray', `           ${service} answers at ${status.listen}`));
  }
}

/** What goes on after somebody looked away, and how it is seen and ended. */
function goesOn(deployments: readonly DeploymentWire[]): readonly string[] {
  return deployments
    .filter((one) => !one.ended)
    .map(({ id, service, environment, state }) => {
      const end =
        state === 'rolling-out'
          ? `sluice abort ${service} -e ${environment} takes its traffic back`
          : `sluice cancel ${id} ends it, and nothing that runs changes`;
      return `${service} → ${environment} goes on without you → sluice watch ${service} -e ${environment}; ${end}`;
    });
}

/** A live version is still watched, and may be taken back after this command has ended: whoever asked is told where to hear of it. */
function afterwards(terminal: Terminal, ended: readonly DeploymentWire[]): readonly string[] {
  return ended
    .filter((one) => one.state === 'live' || one.state === 'reverted' || (one.state === 'failed' && one.rollout !== undefined))
    .flatMap(({ id, service, environment, state }) => {
      const told =
        state === 'live'
          ? `${service} is still watched as long as an older version is kept warm, and taken back if it fails then → sluice status ${service} -e ${environment} says so, and why`
          : `what was seen and done, with times → sluice ledger timeline ${id}`;
      return wrapped(`           ${told}`, terminal.width, ' '.repeat(11)).map((line) => terminal.style('gray', line));
    });
}

/** The worst of all ends. */
function exitCodeOf(deployments: readonly DeploymentWire[]): number {
  const codes = deployments.filter((one) => one.ended && !one.good).map((one): ErrorCode => one.error?.code ?? 'rolloutFailed');
  const [first] = codes;
  if (first === undefined) return 0;
  if (deployments.length === 0) throw new SluiceError('internal', 'a deployment was asked for and none was made');
  return errorCodes[codes.includes('rolloutFailed') ? 'rolloutFailed' : first].exit;
}
