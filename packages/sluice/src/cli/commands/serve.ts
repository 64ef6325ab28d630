import { SluiceError } from '#kernel';
import { text, texts, type Command } from '../command.ts';
import { stateOption } from '../options.ts';

const command: Command = {
  name: 'serve',
  summary: 'run the control plane: database, agent, router, API',
  usage: '[--port <n>] [--people <card>]...',
  example: [
    'sluice serve',
    '✔ control plane at http://127.0.0.1:39211',
    '  state      .sluice',
    '  database   embedded PostgreSQL, pid 4711',
  ],
  options: {
    port: { type: 'string', value: 'n', says: 'port of the API (default: any free one; commands find it)' },
    host: { type: 'string', value: 'address', says: 'address of the API (default: 127.0.0.1, this machine only)' },
    people: {
      type: 'string',
      multiple: true,
      value: 'card',
      says: 'a file with the card of one of the first people (sluice identity card); may be given several times',
    },
    ...stateOption,
  },
  words: [0, 0],
  verdict: true,
  run: async (invocation) => {
    const { terminal, world } = invocation;
    const port = Number(text(invocation, 'port') ?? '0');
    if (!Number.isInteger(port) || port < 0 || port > 65_535)
      throw new SluiceError('usage', `--port: expected a number from 1 to 65535, got "${text(invocation, 'port') ?? ''}"`);
    const plane = await world.controlPlane(text(invocation, 'state'));
    const code = await plane.serve({
      host: text(invocation, 'host') ?? '127.0.0.1',
      port,
      people: texts(invocation, 'people'),
      signal: world.interrupt,
      ready: ({ url, lines }) =>
        terminal.print(
          `${terminal.symbol('pass')} control plane at ${url}`,
          ...lines.map((line) => `  ${line}`),
          '',
          '  Ctrl-C stops the control plane; services and router run on. sluice down stops everything.',
        ),
      say: (line) => terminal.note(`${terminal.symbol('warning')} ${line}`),
    });
    terminal.print('the control plane ended; services and router run on → sluice serve, or sluice down');
    return code;
  },
};

export default command;
