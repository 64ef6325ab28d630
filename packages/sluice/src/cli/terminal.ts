import { randomInt } from 'node:crypto';
import { styleText } from 'node:util';
import { visibleText } from '#kernel';

/** What carries meaning without colour; colour repeats it. */
const symbols = {
  pass: '✔',
  fail: '✖',
  inconclusive: '?',
  warning: '▲',
  running: '●',
  waiting: '◌',
  cached: '↺',
  held: '⏸',
  skipped: '-',
} as const;

export type Symbol = keyof typeof symbols;

type Style = Parameters<typeof styleText>[0];

const styles: Readonly<Record<Symbol, Style>> = {
  pass: 'green',
  fail: 'red',
  inconclusive: 'yellow',
  warning: 'yellow',
  running: 'cyan',
  waiting: 'gray',
  cached: 'blue',
  held: 'yellow',
  skipped: 'gray',
};

/** A command of ours in a sentence or at the beginning of a line: `sluice serve`, and not "the sluice command" or a file called so. */
const ownCommands = /(?<=^|[\s:`"'(])sluice(?= (?:[a-z]+\b|--))/g;

/** The narrowest terminal that is drawn for; below it lines wrap as they must. */
const narrowest = 60;

/**
 * A word that nothing printed can hold, drawn anew by each process. Our own styles carry it until they reach the terminal, so that a sequence in the text
 * of others is never taken for one of ours.
 */
const seal = Array.from({ length: 4 }, () => randomInt(1_000, 10_000)).join(';');
const escape = String.fromCharCode(27);
const sealed = new RegExp(`(${escape}\\[${seal};[0-9;]+m)`, 'g');
const anyStyle = new RegExp(`${escape}\\[[0-9;:]*m`, 'g');

/**
 * Where a command writes: knows whether a person looks, how wide the window is and whether colour is wanted. What it prints may hold text of others anywhere:
 * every line is made visible here, and nothing but our own styles and cursor movements reaches the terminal as a sequence.
 */
export class Terminal {
  /** True when the cursor may be moved: a terminal that is not inside CI. */
  readonly live: boolean;
  readonly color: boolean;
  /** How this program is called where it is installed: `npx sluice` in a project that has it among its packages. */
  readonly #called: string;
  readonly #out: NodeJS.WriteStream;
  readonly #err: NodeJS.WriteStream;
  readonly #closed = new AbortController();
  #lost: NodeJS.ErrnoException | undefined;

  constructor(
    streams: { readonly out: NodeJS.WriteStream; readonly err: NodeJS.WriteStream },
    env: Readonly<Record<string, string | undefined>>,
  ) {
    this.#called = env['npm_command'] === 'exec' ? 'npx sluice' : 'sluice';
    this.#out = streams.out;
    this.#err = streams.err;
    streams.out.on('error', (error) => {
      this.#lost ??= error;
      this.#closed.abort(error);
    });
    streams.err.on('error', () => undefined); // there is nobody left to tell
    const inCi = isSet(env['CI']);
    this.live = streams.out.isTTY && !inCi && env['TERM'] !== 'dumb';
    this.color = !isSet(env['NO_COLOR']) && (isSet(env['FORCE_COLOR']) || (this.live && env['TERM'] !== 'dumb'));
  }

  /** A sentence that names commands of ours, as a person has to type them here. */
  hint(text: string): string {
    return this.#called === 'sluice' ? text : text.replaceAll(ownCommands, this.#called);
  }

  /** Why nothing that is printed arrives any more: nobody reads (`EPIPE`), or the disk is full. What a command does and how it ends does not depend on it. */
  get lost(): NodeJS.ErrnoException | undefined {
    return this.#lost;
  }

  /** Aborts when nothing that is printed arrives any more: what is only there to be seen ends then. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /** Settles when errors of what was printed so far are known, as far as the system tells them at once. */
  async settled(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Columns of the window now; 100 where there is none. */
  get width(): number {
    return Math.max(narrowest, this.#out.isTTY ? this.#out.columns : 100);
  }

  /** Rows of the window now. */
  get height(): number {
    return this.#out.isTTY ? this.#out.rows : 50;
  }

  style(style: Style, text: string): string {
    return this.color ? styleText(style, text, { validateStream: false }).replaceAll(`${escape}[`, `${escape}[${seal};`) : text;
  }

  symbol(name: Symbol): string {
    return this.style(styles[name], symbols[name]);
  }

  /** A line in which text of others is visible: colours of theirs are dropped, everything else that is no text is spelled out; our styles stay. */
  visible(line: string): string {
    return line
      .split(sealed)
      .map((part, at) => (at % 2 === 1 ? part : visibleText(part.replaceAll(anyStyle, '').replaceAll('\t', '    '), Infinity)))
      .join('');
  }

  /** Writes lines to standard output. A line break inside of one is none of ours, and is shown as what it is. */
  print(...lines: readonly string[]): void {
    this.#write(lines.map((line) => `${this.#drawn(line)}\n`).join(''));
  }

  /** Writes lines to standard error: messages about the work, never its result. */
  note(...lines: readonly string[]): void {
    for (const line of lines) this.#err.write(`${this.#drawn(line)}\n`);
  }

  /** Writes one value as JSON with a line end; what a terminal would not show as it is stands there in JSON's own escapes. */
  json(value: unknown): void {
    this.#write(`${JSON.stringify(value, undefined, 2).replaceAll(unseenInJson, escapedInJson)}\n`);
  }

  /** Takes away as many of the last lines as it drew before, and writes these; only where the terminal is live. */
  redraw(drawn: number, lines: readonly string[]): void {
    const erase = drawn === 0 ? '' : `${escape}[${drawn}F${escape}[0J`;
    this.#write(erase + lines.map((line) => `${this.#drawn(line)}\n`).join(''));
  }

  /** Writes text as it is where a program reads it, visible lines where a person does. */
  text(text: string): void {
    if (this.#out.isTTY) this.print(...text.replace(/\n$/, '').split('\n'));
    else this.#write(text);
  }

  #write(text: string): void {
    if (this.#lost === undefined && text !== '') this.#out.write(text);
  }

  #drawn(line: string): string {
    return this.visible(line).replaceAll(`${escape}[${seal};`, `${escape}[`);
  }
}

const unseenInJson = /(?!\p{ASCII}|\n)[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]|\u007f/gu;
const escapedInJson = (character: string): string =>
  Array.from({ length: character.length }, (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`).join('');

const isSet = (value: string | undefined): boolean => value !== undefined && value !== '' && value !== '0' && value !== 'false';
