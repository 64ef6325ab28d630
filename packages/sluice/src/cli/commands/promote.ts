import { visibleText } from '#kernel';
import { placeOf, reasonOf, reasonOption } from '../asked-place.ts';
import { flag, jsonOption, text, type Command } from '../command.ts';
import { environmentOption, stateOption } from '../options.ts';

const command: Command = {
  name: 'promote',
  summary: 'go on to the next step of a rollout without the rest of the evidence',
  usage: '<service> --reason <text> [--environment <name>]',
  example: [
    'sluice promote api --reason "the market is closed, smoke tests are green"',
    '✔ api → staging: goes on to its next step: you decided that, and the record says so',
  ],
  options: { ...reasonOption, ...environmentOption, ...stateOption, ...jsonOption },
  words: [1, 1],
  run: async (invocation) => {
    const { terminal, world } = invocation;
    const reason = reasonOf(invocation, 'promote');
    const client = await (await world.controlPlane(text(invocation, 'state'))).client();
    const asked = await client.promote({ ...(await placeOf(invocation)), reason });
    if (flag(invocation, 'json')) terminal.json(asked);
    else
      terminal.print(
        `${terminal.symbol('pass')} ${visibleText(`${asked.service} → ${asked.environment}`)}: goes on to its next step: you decided that, and the record says so`,
      );
    return 0;
  },
};

export default command;
