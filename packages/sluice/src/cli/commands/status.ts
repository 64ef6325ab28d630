import { SluiceError } from '#kernel';
import { flag, jsonOption, text, type Command } from '../command.ts';
import { environmentOption, stateOption } from '../options.ts';
import { statusLines } from '../status-view.ts';

const command: Command = {
  name: 'status',
  summary: 'show what is live, what moves, and what both slots do now',
  usage: '[<service>] [--environment <name>]',
  example: [
    'sluice status api',
    'api → production   127.0.0.1:41231   live v1.1.0 (7c1e…9a)',
    '',
    '  blue   v1.1.0  ██████████  100 %  p50  0.41 ms  p99  1.90 ms  errors 0.00 %',
  ],
  options: { ...environmentOption, ...stateOption, ...jsonOption },
  words: [0, 1],
  run: async (invocation) => {
    const { terminal, world } = invocation;
    const client = await (await world.controlPlane(text(invocation, 'state'))).client();
    const [service] = invocation.words;
    const environment = text(invocation, 'environment');
    const services = await client.status({
      ...(service === undefined ? {} : { service }),
      ...(environment === undefined ? {} : { environment }),
    });
    if (service !== undefined && services.length === 0) {
      throw new SluiceError(
        'notFound',
        `no service "${service}"${environment === undefined ? '' : ` in ${environment}`} was ever deployed here`,
        { hint: 'sluice status without a name lists all' },
      );
    }
    if (flag(invocation, 'json')) {
      terminal.json({ services });
      return 0;
    }
    if (services.length === 0) terminal.print('nothing is deployed yet → sluice deploy <service> <ref>');
    for (const [at, status] of services.entries()) terminal.print(...(at === 0 ? [] : ['']), ...statusLines(terminal, status));
    return 0;
  },
};

export default command;
