import { styleText } from 'node:util';

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

/** The narrowest terminal that is drawn for; below it lines wrap as they must. */
const narrowest = 60;

/** Where a command writes: knows whether a person looks, how wide the window is and whether colour is wanted. */
export class Terminal {
  /** True when the cursor may be moved: a terminal that is not inside CI. */
  readonly live: boolean;
  readonly color: boolean;
  readonly #out: NodeJS.WriteStream;
  readonly #err: NodeJS.WriteStream;

  constructor(
    streams: { readonly out: NodeJS.WriteStream; readonly err: NodeJS.WriteStream },
    env: Readonly<Record<string, string | undefined>>,
  ) {
    this.#out = streams.out;
    this.#err = streams.err;
    const inCi = isSet(env['CI']);
    this.live = streams.out.isTTY && !inCi && env['TERM'] !== 'dumb';
    this.color = !isSet(env['NO_COLOR']) && (isSet(env['FORCE_COLOR']) || (this.live && env['TERM'] !== 'dumb'));
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
    return this.color ? styleText(style, text, { validateStream: false }) : text;
  }

  symbol(name: Symbol): string {
    return this.style(styles[name], symbols[name]);
  }

  /** Writes lines to standard output. */
  print(...lines: readonly string[]): void {
    for (const line of lines) this.#out.write(`${line}\n`);
  }

  /** Writes lines to standard error: messages about the work, never its result. */
  note(...lines: readonly string[]): void {
    for (const line of lines) this.#err.write(`${line}\n`);
  }

  /** Writes one value as JSON with a line end. */
  json(value: unknown): void {
    this.#out.write(`${JSON.stringify(value, undefined, 2)}\n`);
  }

  raw(text: string): void {
    this.#out.write(text);
  }
}

const isSet = (value: string | undefined): boolean => value !== undefined && value !== '' && value !== '0' && value !== 'false';
