import { flag, jsonOption, text, type Command } from '../command.ts';
import { stateOption } from '../options.ts';
import { table } from '../text.ts';

const command: Command = {
  name: 'ps',
  summary: 'list the processes the agent keeps',
  usage: '',
  example: ['sluice ps', 'production/api  green  v1.1.0  healthy  pid 4713  127.0.0.1:18022  61 MiB  bubblewrap'],
  options: { ...stateOption, ...jsonOption },
  words: [0, 0],
  run: async (invocation) => {
    const { terminal, world } = invocation;
    const listing = await (await world.controlPlane(text(invocation, 'state'))).instances();
    if (!listing.ok) throw listing.error;
    const { pid, router, slots, damaged } = listing.value;
    if (flag(invocation, 'json')) {
      terminal.json(listing.value);
      return 0;
    }
    const rows = slots.flatMap((slot) =>
      slot.instances.map((one) => [
        slot.service,
        slot.slot,
        slot.version ?? '-',
        one.state,
        one.pid === undefined ? '-' : `pid ${one.pid}`,
        one.endpoint === undefined ? '-' : `${one.endpoint.host}:${one.endpoint.port}`,
        one.usage === undefined ? '-' : `${Math.round(one.usage.memoryBytes / 1024 ** 2)} MiB`,
        slot.isolation === undefined || slot.isolation === 'none' ? 'no sandbox' : slot.isolation,
        `${one.restarts > 0 ? `${one.restarts} restarts ` : ''}${one.note ?? ''}`,
      ]),
    );
    terminal.print(
      `agent pid ${pid}, router ${router?.pid === undefined ? (router?.note ?? 'not running') : `pid ${router.pid}`}${(router?.restarts ?? 0) > 0 ? ` after ${router?.restarts} restarts` : ''}`,
    );
    terminal.print(...(rows.length === 0 ? ['no instance runs'] : table(rows)));
    for (const file of damaged) terminal.print(`${terminal.symbol('warning')} a record could not be read and was set aside: ${file}`);
    return 0;
  },
};

export default command;
