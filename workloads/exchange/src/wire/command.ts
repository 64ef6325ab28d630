import { orderTypes, sides, type Command } from './messages.ts';

/** A value that is not a command, with one message that names the field. */
export class MalformedCommand extends Error {
  override readonly name = 'MalformedCommand';
}

export const MAX_LOTS = 1_000_000_000; // a row of the book holds 31 bits
const MAX_PRICE = 1_048_575; // the last tick of the ladder
const MAX_DEPTH = 100;

type Fields = Readonly<Record<string, unknown>>;

/** Reads a command from outside: exactly the fields that its operation has, each within its range. */
export function parseCommand(value: unknown): Command {
  const fields = asFields(value);
  const op = oneOf(fields, 'op', ['new', 'cancel', 'order', 'book'] as const);
  switch (op) {
    case 'new': {
      onlyFields(fields, ['op', 'clientOrderId', 'account', 'side', 'type', 'ticks', 'lots']);
      const type = oneOf(fields, 'type', orderTypes);
      return {
        op,
        clientOrderId: identifier(fields, 'clientOrderId'),
        account: identifier(fields, 'account'),
        side: oneOf(fields, 'side', sides),
        type,
        ticks: type === 'market' ? noPrice(fields) : whole(fields, 'ticks', 1, MAX_PRICE),
        lots: whole(fields, 'lots', 1, MAX_LOTS),
      };
    }
    case 'cancel':
    case 'order':
      onlyFields(fields, ['op', 'clientOrderId']);
      return { op, clientOrderId: identifier(fields, 'clientOrderId') };
    case 'book':
      onlyFields(fields, ['op', 'depth']);
      return { op, depth: whole(fields, 'depth', 1, MAX_DEPTH) };
  }
}

function asFields(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new MalformedCommand('expected an object');
  return value as Fields;
}

function onlyFields(fields: Fields, known: readonly string[]): void {
  const unknown = Object.keys(fields).find((name) => !known.includes(name));
  if (unknown !== undefined) throw new MalformedCommand(`${unknown}: no such field; expected ${known.slice(1).join(', ')}`);
}

function oneOf<T extends string>(fields: Fields, name: string, allowed: readonly T[]): T {
  const found = allowed.find((each) => each === fields[name]);
  if (found === undefined) throw new MalformedCommand(`${name}: expected ${allowed.join(' or ')}, got ${shown(fields[name])}`);
  return found;
}

function whole(fields: Fields, name: string, min: number, max: number): number {
  const value = fields[name];
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw new MalformedCommand(`${name}: expected a whole number from ${min} to ${max}, got ${shown(value)}`);
}

function noPrice(fields: Fields): 0 {
  if (fields['ticks'] === undefined || fields['ticks'] === 0) return 0;
  throw new MalformedCommand(`ticks: a market order has no price, got ${shown(fields['ticks'])}`);
}

function identifier(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value === 'string' && /^[\w.:-]{1,64}$/.test(value)) return value;
  throw new MalformedCommand(`${name}: expected 1 to 64 letters, digits or . : _ -, got ${shown(value)}`);
}

const shown = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 80));
