import { text, type Command } from '../command.ts';
import { stateOption } from '../options.ts';

const command: Command = {
  name: 'down',
  summary: 'stop everything of a state folder: control plane, instances, router, agent, database',
  usage: '',
  example: ['sluice down', '✔ stopped: control plane (pid 4711), instances, router and agent, embedded database'],
  options: { ...stateOption },
  words: [0, 0],
  verdict: true,
  run: async (invocation) => {
    const { terminal, world } = invocation;
    const plane = await world.controlPlane(text(invocation, 'state'));
    const stopped = await plane.down();
    terminal.print(`${terminal.symbol('pass')} stopped: ${stopped.join(', ')}`);
    return 0;
  },
};

export default command;
