import { parseArgs } from 'node:util';
import { didYouMean, errorCodes, SluiceError, systemFault, toWireError } from '#kernel';
import type { Command, Invocation } from './command.ts';
import { commandHelp, generalHelp } from './help.ts';
import { stopCode } from './interruption.ts';
import { commands, isCommandName } from './registry.ts';
import type { Terminal } from './terminal.ts';
import type { World } from './world.ts';

/** Runs one command line, arguments without `node` and the program. Prints what is to be printed and returns the exit code. */
export async function runCli(args: readonly string[], terminal: Terminal, makeWorld: () => World): Promise<number> {
  const debug = args.includes('--debug');
  const json = args.includes('--json');
  let world: World | undefined;
  try {
    const { code, isVerdict } = await dispatch(
      args.filter((argument) => argument !== '--debug'),
      terminal,
      () => (world = makeWorld()),
    );
    return await afterPrinting(terminal, code, isVerdict);
  } catch (thrown) {
    const stopped = world === undefined ? undefined : stopCode(world.asked);
    if (stopped === undefined) return printError(thrown, terminal, { debug, json });
    // Whatever was called off says so in its own way; only what it told in words is worth a line more.
    if (thrown instanceof SluiceError) printError(thrown, terminal, { debug, json });
    else terminal.note(`${terminal.symbol('warning')} ${world?.asked.reason instanceof Error ? world.asked.reason.message : 'stopped'}`);
    return stopped;
  }
}

type Ended = { readonly code: number; readonly isVerdict: boolean };

/** A verdict is the same whoever reads it. What only prints has failed when that cannot be written; a reader who left (`| head`) has seen enough. */
async function afterPrinting(terminal: Terminal, code: number, isVerdict: boolean): Promise<number> {
  await terminal.settled();
  const { lost } = terminal;
  if (lost === undefined || lost.code === 'EPIPE') return code;
  terminal.note(`${terminal.symbol('warning')} the output could not be written: ${systemFault(lost)?.fact ?? lost.message}`);
  return code === 0 && !isVerdict ? errorCodes.unavailable.exit : code;
}

async function dispatch(args: readonly string[], terminal: Terminal, makeWorld: () => World): Promise<Ended> {
  const printed: Ended = { code: 0, isVerdict: false };
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    const about = rest[0];
    if (about !== undefined && isCommandName(about)) terminal.print(...commandHelp(await commands[about].load(), terminal));
    else terminal.print(...generalHelp(terminal));
    return printed;
  }
  if (name === '--version' || name === '-v') {
    terminal.print(makeWorld().version);
    return printed;
  }
  if (!isCommandName(name)) {
    throw new SluiceError('usage', `no command "${name}".${didYouMean(name, Object.keys(commands))}`, {
      hint: 'sluice --help lists the commands',
    });
  }
  const command: Command = await commands[name].load();
  if (rest.includes('--help') || rest.includes('-h')) {
    terminal.print(...commandHelp(command, terminal));
    return printed;
  }
  const { values, words } = parse(command, rest);
  const code = await command.run({ values, words, terminal, world: makeWorld() });
  return { code, isVerdict: command.verdict === true };
}

/** Parses the words of one command; every mistake names the option and, where one is near, the right one. */
function parse(command: Command, args: readonly string[]): { readonly values: Invocation['values']; readonly words: readonly string[] } {
  const hint = `sluice ${command.name} --help shows an example`;
  const known = Object.keys(command.options);
  for (const argument of args.slice(0, args.includes('--') ? args.indexOf('--') : args.length)) {
    const option = /^--([^=]+)/.exec(argument)?.[1];
    const name = option?.replace(/^no-/, '');
    if (name !== undefined && !known.includes(name))
      throw new SluiceError('usage', `sluice ${command.name}: no option --${name}.${didYouMean(name, known)}`, { hint });
  }
  try {
    const { values, positionals } = parseArgs({
      args: args.map((each) => withValue(command, each)),
      options: command.options,
      allowPositionals: true,
      allowNegative: true,
    });
    const [least, most] = command.words;
    if (positionals.length < least || positionals.length > most) {
      const message =
        positionals.length < least
          ? `sluice ${command.name} needs: ${command.usage}`
          : `sluice ${command.name}: too many words: "${positionals.slice(most).join(' ')}"`;
      throw new SluiceError('usage', message, { hint });
    }
    return { values, words: positionals };
  } catch (thrown) {
    if (thrown instanceof SluiceError) throw thrown;
    const message = thrown instanceof Error ? (thrown.message.split('. ')[0] ?? thrown.message) : String(thrown);
    throw new SluiceError('usage', `sluice ${command.name}: ${message}`, { hint });
  }
}

/** An option that may stand without a value gets the one that it then means. */
function withValue({ options }: Command, argument: string): string {
  const bare = argument.startsWith('--') ? options[argument.slice(2)]?.bare : undefined;
  return bare === undefined ? argument : `${argument}=${bare}`;
}

/** One line that says what is wrong, one that says what to do; the stack only on demand. Returns the exit code. */
function printError(thrown: unknown, terminal: Terminal, how: { readonly debug: boolean; readonly json: boolean }): number {
  const wire = toWireError(thrown);
  const exit = errorCodes[wire.code].exit;
  if (how.json) {
    terminal.json({ error: wire });
  } else {
    // Only the mistakes of a definition are many, and stand in a line each.
    const [first = '', ...more] = wire.code === 'config' ? wire.message.split('\n') : [wire.message];
    const lines = [`${terminal.symbol('fail')} ${first}`, ...more.map((line) => `  ${line}`)];
    terminal.note(...lines.slice(0, -1), `${lines.at(-1) ?? ''}${wire.hint === undefined ? '' : ` → ${terminal.hint(wire.hint)}`}`);
    if (wire.code === 'internal' && !how.debug) terminal.note('  this is a bug in Sluice; --debug shows where');
  }
  if (how.debug && thrown instanceof Error) terminal.note(...(thrown.stack ?? thrown.message).split('\n'));
  return exit;
}
