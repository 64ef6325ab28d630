import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { err, SluiceError, SimulatedClock } from '#kernel';
import { commands, type CommandName } from './registry.ts';
import { runCli } from './run-cli.ts';
import { Terminal } from './terminal.ts';
import { columnsOf, wrapped } from './text.ts';
import type { World } from './world.ts';

// What people read is compared with the files in fixtures/; `vitest run packages/sluice/src/cli -u` writes them anew.

type Printed = { readonly code: number; readonly out: string; readonly err: string };
type Window = { readonly env?: Readonly<Record<string, string>>; readonly columns?: number };

const nothing = new SluiceError('notFound', 'no sluice.config here', { hint: 'sluice init writes one' });

/** A world in which there is no project; whatever else a command asks of it is a mistake of the test. */
const emptyWorld = (): World =>
  new Proxy({} as World, {
    get: (_, name) => {
      const known: Partial<World> = {
        version: '1.2.3',
        cwd: '/desk',
        env: {},
        clock: new SimulatedClock(),
        interrupt: new AbortController().signal,
        force: new AbortController().signal,
        asked: new AbortController().signal,
        loadProject: async () => err(nothing),
      };
      if (Object.hasOwn(known, name)) return known[name as keyof World];
      throw new Error(`the world was asked for ${String(name)}`);
    },
  });

async function sluice(args: readonly string[], window: Window = {}): Promise<Printed> {
  const stream = (): { readonly text: () => string; readonly stream: NodeJS.WriteStream } => {
    const chunks: string[] = [];
    const through = new PassThrough();
    through.on('data', (chunk: Buffer) => chunks.push(chunk.toString()));
    const size = window.columns === undefined ? {} : { isTTY: true, columns: window.columns, rows: 40 };
    return { text: () => chunks.join(''), stream: Object.assign(through, size) as unknown as NodeJS.WriteStream };
  };
  const [out, errors] = [stream(), stream()];
  const terminal = new Terminal({ out: out.stream, err: errors.stream }, window.env ?? {});
  const code = await runCli(args, terminal, emptyWorld);
  return { code, out: out.text(), err: errors.text() };
}

const names = Object.keys(commands) as readonly CommandName[];
const golden = (name: string): string => join(import.meta.dirname, 'fixtures', name);

describe('the help of every command', () => {
  test.each(names)('%s: one example at least, and no line wider than 100 columns', async (name) => {
    const { code, out, err: errors } = await sluice([name, '--help']);
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    expect(out).toMatch(new RegExp(`example\\n  \\$ .*sluice ${name}`));
    expect(out.split('\n').filter((line) => columnsOf(line) > 100)).toEqual([]);
    expect((await commands[name].load()).name).toBe(name);
    await expect(out).toMatchFileSnapshot(golden(`${name}.help.txt`));
  });

  test('sluice --help, help and no word at all are the same text, and it names every command', async () => {
    const { code, out } = await sluice(['--help']);
    expect(code).toBe(0);
    for (const name of names) expect(out).toMatch(new RegExp(`^  ${name} `, 'm'));
    expect((await sluice([])).out).toBe(out);
    expect((await sluice(['help'])).out).toBe(out);
    expect((await sluice(['help', 'run'])).out).toBe((await sluice(['run', '--help'])).out);
    await expect(out).toMatchFileSnapshot(golden('general.help.txt'));
  });

  test('each command has its file, and each file its command', () => {
    const files = readdirSync(join(import.meta.dirname, 'commands')).map((file) => file.replace(/\.ts$/, ''));
    expect(files.toSorted()).toEqual([...names].toSorted());
    // A command that was taken away leaves no golden file behind.
    const kept = existsSync(golden('')) ? readdirSync(golden('')).flatMap((file) => /^(.+)\.help\.txt$/.exec(file)?.[1] ?? []) : [];
    expect(kept.filter((name) => name !== 'general' && !names.includes(name as CommandName))).toEqual([]);
  });
});

describe('what cannot be understood is exit 2, in one line that says the way out', () => {
  test.each([
    ['an unknown command', ['depoly'], /^✖ no command "depoly"\. Did you mean "deploy"\? → sluice --help lists the commands\n$/],
    [
      'an unknown option',
      ['run', '--jsno'],
      /^✖ sluice run: no option --jsno\. Did you mean "json"\? → sluice run --help shows an example\n$/,
    ],
    ['an option without its value', ['doctor', '--service'], /^✖ sluice doctor: .*--service.* → sluice doctor --help/],
    ['a missing word', ['revert'], /^✖ sluice revert needs: <service>.* → sluice revert --help/],
    ['a word too many', ['ps', 'api'], /^✖ sluice ps: too many words: "api" → sluice ps --help/],
  ])('%s', async (_, args, message) => {
    const { code, out, err: errors } = await sluice(args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(errors).toMatch(message);
    expect(errors.trimEnd().split('\n')).toHaveLength(1);
  });

  test('with --json the error is data on standard output, and nothing else is printed', async () => {
    const { code, out, err: errors } = await sluice(['plan', '--json']);
    expect({ code, errors }).toEqual({ code: 2, errors: '' });
    expect(JSON.parse(out)).toEqual({ error: { code: 'notFound', message: nothing.message, details: {}, hint: nothing.hint } });
  });

  test('a bug is exit 70 and one line; --debug shows where', async () => {
    const { code, err: errors } = await sluice(['ps']);
    expect(code).toBe(70);
    expect(errors).not.toContain('    at ');
    expect((await sluice(['ps', '--debug'])).err).toContain('    at ');
  });
});

describe('colour and width', () => {
  // eslint-disable-next-line no-control-regex -- what is looked for is the control character
  const escape = /\u001B/;

  test('colour comes with a terminal, and never with NO_COLOR, a dumb terminal or a pipe', async () => {
    expect((await sluice(['--help'], { columns: 100 })).out).toMatch(escape);
    expect((await sluice(['--help'], { columns: 100, env: { NO_COLOR: '1' } })).out).not.toMatch(escape);
    expect((await sluice(['--help'], { columns: 100, env: { TERM: 'dumb' } })).out).not.toMatch(escape);
    expect((await sluice(['--help'])).out).not.toMatch(escape);
  });

  test('without colour the same text is printed, symbols included', async () => {
    const plain = await sluice(['depoly'], { columns: 60, env: { NO_COLOR: '1' } });
    const coloured = await sluice(['depoly'], { columns: 60, env: { FORCE_COLOR: '1' } });
    expect(coloured.err).toMatch(escape);
    expect(columnsOf(coloured.err)).toBe(columnsOf(plain.err));
  });

  test.each([60, 100])('help fits a window of %i columns', async (columns) => {
    for (const name of names) {
      const { out } = await sluice([name, '--help'], { columns, env: { NO_COLOR: '1' } });
      // Below "example" stands what really was typed and printed: that is not wrapped.
      const wide = (out.split('\nexample\n')[0] ?? '').split('\n').filter((line) => columnsOf(line) > columns);
      expect(wide, name).toEqual([]);
    }
  });
});

test('text is broken between words, a word that is too long within itself, and nothing of it is lost', () => {
  expect(wrapped('one two three', 7)).toEqual(['one two', 'three']);
  expect(wrapped('one two three', 7, '  ')).toEqual(['one two', '  three']);
  expect(wrapped('see reports/unit.xml now', 8)).toEqual(['see', 'reports/', 'unit.xml', 'now']);
  expect(wrapped('', 8)).toEqual(['']);
});
