import { userInfo } from 'node:os';
import { formatBasisPoints, SluiceError } from '#kernel';
import type { RouterRefusal } from '#rollout';
import { flag, jsonOption, text, type Command } from '../command.ts';
import { environmentOption, stateOption } from '../options.ts';
import { chosenService } from '../service-key.ts';

const command: Command = {
  name: 'revert',
  summary: 'put all traffic back on the slot that is still warm, at once',
  usage: '<service> [--environment <name>] [--reason <text>]',
  example: [
    'sluice revert api --reason "p99 looks wrong"',
    '✔ production/api: 100 % on blue, 2 ms after the command; latched until a new rollout',
  ],
  options: {
    ...environmentOption,
    reason: { type: 'string', short: 'r', says: 'why, for whoever reads the record' },
    ...stateOption,
    ...jsonOption,
  },
  words: [1, 1],
  verdict: true,
  run: async (invocation) => {
    const { terminal, world } = invocation;
    const [service = ''] = invocation.words;
    // Straight to the router: neither the control plane nor the database stands in the way (I2).
    const plane = await world.controlPlane(text(invocation, 'state'));
    const router = await plane.router();
    const key = await chosenService(plane, service, text(invocation, 'environment'));
    const began = world.clock.monotonic();
    const reverted = await router.revert(key, {
      id: world.ids.uuid(),
      by: userInfo().username,
      reason: text(invocation, 'reason') ?? 'asked for on the command line',
    });
    if (!reverted.ok) throw refusal(key, reverted.error);
    const { weights, epoch } = reverted.value;
    const slot = weights.blue >= weights.green ? 'blue' : 'green';
    const took = world.clock.monotonic() - began;
    if (flag(invocation, 'json')) terminal.json({ service: key, weights, epoch, tookMs: took });
    else
      terminal.print(
        `${terminal.symbol('pass')} ${key}: ${formatBasisPoints(weights[slot])} on ${slot}, ${took.toFixed(0)} ms after the command; latched until a new rollout`,
      );
    return 0;
  },
};

export default command;

function refusal(key: string, refused: RouterRefusal): SluiceError {
  if (refused.kind === 'nothing-to-revert-to') {
    return new SluiceError('conflict', `${key}: there is no warm slot to go back to`, {
      hint: 'sluice rollback brings an earlier release back by a new rollout',
    });
  }
  const message = refused.kind === 'unreachable' ? refused.message : `the router refused: ${refused.kind}`;
  return new SluiceError('unavailable', `${key}: ${message}`, { hint: 'is the agent of this state folder running? sluice ps' });
}
