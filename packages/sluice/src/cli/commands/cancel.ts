import { visibleText } from '#kernel';
import type { ControlClient } from '#server';
import { placeOf, reasonOf, reasonOption } from '../asked-place.ts';
import { flag, jsonOption, text, type Command } from '../command.ts';
import { environmentOption, stateOption } from '../options.ts';

const command: Command = {
  name: 'cancel',
  summary: 'end a deployment that waits or is stuck; production stays as it is',
  usage: '<deployment or service> --reason <text> [--environment <name>]',
  example: [
    'sluice cancel api --environment production --reason "v1.3.0 has a mistake"',
    '✔ 01KB2QH8… api → production was cancelled; what is live stays as it is',
  ],
  options: { ...reasonOption, ...environmentOption, ...stateOption, ...jsonOption },
  words: [1, 1],
  run: async (invocation) => {
    const { terminal, world } = invocation;
    const reason = reasonOf(invocation, 'cancel');
    const client = await (await world.controlPlane(text(invocation, 'state'))).client();
    const [word = ''] = invocation.words;
    const id = await deploymentCalled(client, word);
    const target = id === undefined ? await placeOf(invocation) : { deployment: id };
    const cancelled = await client.cancel({ ...target, reason });
    if (flag(invocation, 'json')) terminal.json(cancelled);
    else {
      const { service, environment, ended } = cancelled;
      const done = ended ? 'was cancelled' : 'is being cancelled';
      terminal.print(
        `${terminal.symbol('pass')} ${cancelled.id} ${visibleText(`${service} → ${environment}`)} ${done}; what is live stays as it is`,
      );
    }
    return 0;
  },
};

export default command;

/** Identifiers of deployments are 26 letters and digits; nobody types fewer than these and means one. */
const fewestLetters = 6;

/** The one deployment whose identifier begins so, if there is one; else the word is the name of a service. */
async function deploymentCalled(client: ControlClient, word: string): Promise<string | undefined> {
  if (word.length < fewestLetters || !/^[0-9A-Z]+$/i.test(word)) return undefined;
  const found = (await client.deployments({})).filter((one) => one.id.toLowerCase().startsWith(word.toLowerCase()));
  return found.length === 1 ? found[0]?.id : undefined;
}
