import { parseAddress, type Address } from './address.ts';

/** One environment variable: its name, and how its text becomes a value; undefined text means it is not set. */
export type Setting<T> = { readonly name: string; readonly parse: (text: string | undefined) => T };
export type Environment = Readonly<Record<string, string | undefined>>;
type Values<S> = { readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never };

/** The environment does not describe a process that can start; the message lists every problem at once. */
export class BadSettings extends Error {
  override readonly name = 'BadSettings';
}

/** A whole number within a range; required unless a default is given. */
export function integer(name: string, range: { readonly min: number; readonly max: number; readonly otherwise?: number }): Setting<number> {
  const { min, max, otherwise } = range;
  return {
    name,
    parse: (text) => {
      if (text === undefined && otherwise !== undefined) return otherwise;
      const value = text !== undefined && /^\d+$/.test(text) ? Number(text) : Number.NaN;
      if (value >= min && value <= max) return value;
      throw new BadSettings(`${name}: expected a whole number from ${min} to ${max}, got ${text === undefined ? 'nothing' : `"${text}"`}`);
    },
  };
}

/** Any text; required unless a default is given. */
export function text(name: string, otherwise?: string): Setting<string> {
  return {
    name,
    parse: (given) => {
      const value = given === undefined || given === '' ? otherwise : given;
      if (value === undefined) throw new BadSettings(`${name}: is required`);
      return value;
    },
  };
}

/** `host:port` or the absolute path of a Unix socket; required. */
export function address(name: string): Setting<Address> {
  return {
    name,
    parse: (given) => {
      const parsed = given === undefined ? undefined : parseAddress(given);
      if (parsed === undefined)
        throw new BadSettings(`${name}: expected host:port or an absolute path, got ${given === undefined ? 'nothing' : `"${given}"`}`);
      return parsed;
    },
  };
}

/** The same setting, but absent means undefined. */
export function optional<T>(setting: Setting<T>): Setting<T | undefined> {
  return { name: setting.name, parse: (given) => (given === undefined || given === '' ? undefined : setting.parse(given)) };
}

/** Reads every setting, or throws one BadSettings that names all that is wrong. */
export function readSettings<S extends Readonly<Record<string, Setting<unknown>>>>(settings: S, environment: Environment): Values<S> {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [key, setting] of Object.entries(settings)) {
    try {
      values[key] = setting.parse(environment[setting.name]);
    } catch (error) {
      if (!(error instanceof BadSettings)) throw error;
      problems.push(error.message);
    }
  }
  if (problems.length > 0) throw new BadSettings(problems.join('; '));
  return values as Values<S>;
}
