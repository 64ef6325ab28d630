import { visibleText } from '#kernel';
import { placeOf, reasonOf, reasonOption } from '../asked-place.ts';
import { flag, jsonOption, text, type Command } from '../command.ts';
import { environmentOption, stateOption } from '../options.ts';

const command: Command = {
  name: 'abort',
  summary: 'end a rollout: its traffic goes back to the version before it',
  usage: '<service> --reason <text> [--environment <name>]',
  example: ['sluice abort api --reason "wrong build"', '✔ api → production: goes back to the version before it → sluice watch api'],
  options: { ...reasonOption, ...environmentOption, ...stateOption, ...jsonOption },
  words: [1, 1],
  run: async (invocation) => {
    const { terminal, world } = invocation;
    const reason = reasonOf(invocation, 'abort');
    const client = await (await world.controlPlane(text(invocation, 'state'))).client();
    const asked = await client.abort({ ...(await placeOf(invocation)), reason });
    if (flag(invocation, 'json')) terminal.json(asked);
    else
      terminal.print(
        `${terminal.symbol('pass')} ${visibleText(`${asked.service} → ${asked.environment}`)}: goes back to the version before it`,
      );
    return 0;
  },
};

export default command;
