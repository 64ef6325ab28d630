import type { Command, OptionSpec } from './command.ts';
import { commands } from './registry.ts';
import type { Terminal } from './terminal.ts';
import { columnsOf, pad, wrapped } from './text.ts';

/** The help of the whole binary. */
export function generalHelp(terminal: Terminal): readonly string[] {
  return [
    ...wrapped(
      `${terminal.style('bold', 'sluice')} takes a commit of a trading system to production, and back, without losing an order, and can prove every step.`,
      terminal.width,
    ),
    '',
    'usage: sluice <command> [options]',
    '',
    ...described(
      Object.entries(commands).map(([name, { summary }]) => [`  ${terminal.style('bold', name)}`, summary] as const),
      terminal.width,
    ),
    '',
    ...wrapped(
      'Each command has --help with an example; --debug adds the stack to an error. Start with: sluice init, then sluice run.',
      terminal.width,
    ),
    ...wrapped(
      'Exit codes: 0 pass · 1 fail · 2 usage or configuration · 3 inconclusive · 4 window closed · 5 forbidden · 70 internal error',
      terminal.width,
    ),
  ];
}

/** The help of one command. */
export function commandHelp(command: Command, terminal: Terminal): readonly string[] {
  const options: Readonly<Record<string, OptionSpec>> = { ...command.options, help: { type: 'boolean', says: 'show this' } };
  const rows = Object.entries(options).map(([name, option]) => {
    const short = option.short === undefined ? '' : `-${option.short}, `;
    const value = option.type === 'string' ? ` <${option.value ?? 'text'}>` : '';
    return [`  ${short}--${name}${value}`, option.says] as const;
  });
  return [
    ...wrapped(`${terminal.style('bold', `sluice ${command.name}`)}: ${command.summary}`, terminal.width),
    '',
    ...wrapped(
      `usage: sluice ${command.name}${command.usage === '' ? '' : ` ${command.usage}`}`,
      terminal.width,
      ' '.repeat('usage: '.length),
    ),
    '',
    ...described(rows, terminal.width),
    '',
    'example',
    ...command.example.map((line, at) => (at === 0 ? `  $ ${line}` : `  ${line}`)),
  ];
}

/** Names with what they mean, which goes on below itself where the window ends. */
function described(rows: readonly (readonly [name: string, says: string])[], width: number): readonly string[] {
  const column = Math.max(...rows.map(([name]) => columnsOf(name))) + 2;
  return rows.flatMap(([name, says]) => wrapped(says, width - column).map((line, at) => pad(at === 0 ? name : '', column) + line));
}
