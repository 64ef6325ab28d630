import type { Terminal } from './terminal.ts';
import type { World } from './world.ts';

/** One option: what `node:util` parses, and a sentence for people. */
export type OptionSpec = {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  readonly multiple?: boolean;
  /** What it means without a value: `--sandbox` as `--sandbox=best`. Such an option takes its value after `=` only. */
  readonly bare?: string;
  /** What it does, in one line. */
  readonly says: string;
  /** What its value is called in the help. */
  readonly value?: string;
};

/** What a command gets: parsed words, where to write, and everything outside of it. */
export type Invocation = {
  readonly values: Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>;
  readonly words: readonly string[];
  readonly terminal: Terminal;
  readonly world: World;
};

/** A command: data, and a function that returns the exit code. */
export type Command = {
  readonly name: string;
  readonly summary: string;
  /** After the name: `<service> [--reason <text>]`. */
  readonly usage: string;
  /** Lines of the help that show the command in use; the first is a command line. */
  readonly example: readonly string[];
  readonly options: Readonly<Record<string, OptionSpec>>;
  /** The least and the greatest number of words after the name. */
  readonly words: readonly [least: number, most: number];
  /** Its exit code says how something ended, and is the same whether anybody reads what it prints. */
  readonly verdict?: true;
  readonly run: (invocation: Invocation) => Promise<number>;
};

/** An option's text, or undefined. */
export function text(invocation: Invocation, name: string): string | undefined {
  const value = invocation.values[name];
  return typeof value === 'string' ? value : undefined;
}

/** Whether a switch was given. */
export const flag = (invocation: Invocation, name: string): boolean => invocation.values[name] === true;

/** All texts of an option that may be given several times. */
export function texts(invocation: Invocation, name: string): readonly string[] {
  const value = invocation.values[name];
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : typeof value === 'string' ? [value] : [];
}

/** The option that every command with data to show has. */
export const jsonOption = { json: { type: 'boolean', says: 'print JSON instead of text' } } as const satisfies Record<string, OptionSpec>;
