import { visibleText } from '#kernel';
import { placeOf, reasonOf, reasonOption } from '../asked-place.ts';
import { flag, jsonOption, text, type Command } from '../command.ts';
import { environmentOption, stateOption } from '../options.ts';

const command: Command = {
  name: 'resume',
  summary: 'end a hold: the evidence decides again',
  usage: '<service> --reason <text> [--environment <name>]',
  example: ['sluice resume api --reason "the auction is over"', '✔ api → production: the hold is over; the evidence decides again'],
  options: { ...reasonOption, ...environmentOption, ...stateOption, ...jsonOption },
  words: [1, 1],
  run: async (invocation) => {
    const { terminal, world } = invocation;
    const reason = reasonOf(invocation, 'resume');
    const client = await (await world.controlPlane(text(invocation, 'state'))).client();
    const asked = await client.resume({ ...(await placeOf(invocation)), reason });
    if (flag(invocation, 'json')) terminal.json(asked);
    else
      terminal.print(
        `${terminal.symbol('pass')} ${visibleText(`${asked.service} → ${asked.environment}`)}: the hold is over; the evidence decides again`,
      );
    return 0;
  },
};

export default command;
