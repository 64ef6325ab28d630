import { text, flag, jsonOption, type Command } from '../command.ts';
import { reasonOf } from '../asked-place.ts';
import { followDeployments } from '../deployment-view.ts';
import { onlyEnvironment } from '../only-environment.ts';
import { stopCode } from '../interruption.ts';
import { environmentOption, stateOption } from '../options.ts';

const command: Command = {
  name: 'rollback',
  summary: 'bring an earlier release back by a new rollout',
  usage: '<service> [<version>] [--environment <name>]',
  example: ['sluice rollback api v1.0.0 --environment production', '  ✔ 3.2s  api → production  v1.0.0 is live'],
  options: {
    ...environmentOption,
    again: { type: 'boolean', says: 'also when that release was taken back here; needs --reason' },
    reason: { type: 'string', short: 'r', value: 'text', says: 'why it comes again: kept with who asked' },
    detach: { type: 'boolean', says: 'do not wait for the end' },
    ...stateOption,
    ...jsonOption,
  },
  words: [1, 2],
  verdict: true,
  run: async (invocation) => {
    const { terminal, world } = invocation;
    const [service = '', to] = invocation.words;
    const plane = await world.controlPlane(text(invocation, 'state'));
    const client = await plane.client();
    const environment = text(invocation, 'environment') ?? (await onlyEnvironment(world));
    const asked = await client.rollback({
      service,
      environment,
      ...(to === undefined ? {} : { to }),
      ...(flag(invocation, 'again') ? { again: reasonOf(invocation, 'rollback --again') } : {}),
    });
    if (flag(invocation, 'detach') || flag(invocation, 'json')) {
      if (flag(invocation, 'json')) terminal.json(asked);
      else terminal.print(`${asked.id}  ${asked.detail}`);
      return 0;
    }
    const [ended] = await followDeployments([asked], {
      connect: async () => plane.client(),
      terminal,
      clock: world.clock,
      signal: world.interrupt,
    });
    if (ended?.ended !== true) return stopCode(world.asked) ?? 0;
    return ended.good ? 0 : 1;
  },
};

export default command;
