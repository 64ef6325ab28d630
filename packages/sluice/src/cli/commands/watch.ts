import { SluiceError } from '#kernel';
import { text, type Command } from '../command.ts';
import { Rates } from '../deployment-view.ts';
import { environmentOption, stateOption } from '../options.ts';
import { LiveRegion } from '../run-view/live-region.ts';
import { statusLines } from '../status-view.ts';

/** How often the picture is renewed, in milliseconds. */
const renewEvery = 500;

const command: Command = {
  name: 'watch',
  summary: 'keep both slots of a service on the screen',
  usage: '<service> [--environment <name>]',
  example: [
    'sluice watch api',
    '  blue   v1.1.0  █████████████████████   95 %  p50  0.41 ms  p99  1.90 ms  errors 0.00 %',
    '  green  v1.2.0  █                        5 %  p50  0.44 ms  p99 38.00 ms ▲  errors 2.31 % ▲',
  ],
  options: { ...environmentOption, ...stateOption },
  words: [1, 1],
  run: async (invocation) => {
    const { terminal, world } = invocation;
    const [service = ''] = invocation.words;
    const environment = text(invocation, 'environment');
    const client = await (await world.controlPlane(text(invocation, 'state'))).client();
    const region = new LiveRegion(terminal);
    const looking = AbortSignal.any([world.interrupt, terminal.closed]);
    const rates = new Rates(world.clock);
    let last = '';
    for (let first = true; !looking.aborted; first = false) {
      const found = await client.status({ service, ...(environment === undefined ? {} : { environment }) });
      const [status] = found;
      if (status === undefined)
        throw new SluiceError('notFound', `no service "${service}" was ever deployed here`, { hint: 'sluice status lists all' });
      if (found.length > 1)
        throw new SluiceError('usage', `${service} runs in ${found.map((each) => each.environment).join(' and ')}`, {
          hint: `add --environment ${status.environment}`,
        });
      const lines = statusLines(terminal, status, rates.of(status));
      if (terminal.live) region.draw(lines);
      // Without a cursor to move, a picture is printed when what people decide by has changed.
      const essence = JSON.stringify([
        status.live?.version,
        status.rollout?.detail,
        status.slots.map((slot) => [slot.version, slot.weightBasisPoints]),
      ]);
      if (!terminal.live && (first || essence !== last)) terminal.print(...lines, '');
      last = essence;
      await world.clock.sleep(renewEvery, looking).catch(() => undefined);
    }
    return 0;
  },
};

export default command;
