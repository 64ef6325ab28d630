import { SluiceError, visibleText } from '#kernel';
import { placeOf, reasonOf, reasonOption } from '../asked-place.ts';
import { flag, jsonOption, text, type Command } from '../command.ts';
import { environmentOption, stateOption } from '../options.ts';

const command: Command = {
  name: 'hold',
  summary: 'keep a rollout where it is for a while; a faulty version is taken back all the same',
  usage: '<service> --reason <text> [--for <90s|45m|2h>] [--environment <name>]',
  example: [
    'sluice hold api --for 45m --reason "auction at 16:30"',
    '✔ api → production: stays where it is for 45m; sluice resume lets the evidence decide again',
  ],
  options: {
    ...reasonOption,
    for: { type: 'string', value: 'time', says: 'how long, at most a day (default: 1h); then the evidence decides again' },
    ...environmentOption,
    ...stateOption,
    ...jsonOption,
  },
  words: [1, 1],
  run: async (invocation) => {
    const { terminal, world } = invocation;
    const reason = reasonOf(invocation, 'hold');
    const written = text(invocation, 'for') ?? '1h';
    const forMs = millisecondsOf(written);
    const client = await (await world.controlPlane(text(invocation, 'state'))).client();
    const asked = await client.hold({ ...(await placeOf(invocation)), reason, forMs });
    if (flag(invocation, 'json')) terminal.json(asked);
    else {
      const where = visibleText(`${asked.service} → ${asked.environment}`);
      terminal.print(`${terminal.symbol('held')} ${where}: stays where it is for ${written}; sluice resume lets the evidence decide again`);
    }
    return 0;
  },
};

export default command;

const units = { s: 1_000, m: 60_000, h: 3_600_000 } as const;
const aDay = 24 * units.h;

function millisecondsOf(written: string): number {
  const [, number = '', unit = ''] = /^(\d{1,5})(s|m|h)$/.exec(written) ?? [];
  const ms = unit === 's' || unit === 'm' || unit === 'h' ? Number(number) * units[unit] : 0;
  if (ms >= units.s && ms <= aDay) return ms;
  throw new SluiceError('usage', `--for "${written}" is no time between a second and a day`, { hint: 'write it like 90s, 45m or 2h' });
}
