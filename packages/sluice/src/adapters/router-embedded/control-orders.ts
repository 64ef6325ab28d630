import { isSplit, type Router, type RouterEndpoints, type ServiceKey, type StickyKey, type Weights } from '#rollout';

/** What came over the control socket was no order: which field, and what it should be. */
export class InvalidOrder extends Error {
  override readonly name = 'InvalidOrder';
}

type Fields = Readonly<Record<string, unknown>>;
type Commands = Router & RouterEndpoints;

/**
 * One entry per command of the control socket: reads its fields, strictly, and carries it out. Written by hand rather than with a
 * schema library: the router has to be back within a fraction of a second after its death, and loading one takes longer than that start.
 */
export const controlOrders = {
  declare: (router, fields) => {
    const traffic = oneOf(fields, 'traffic', ['request', 'connection'] as const);
    const port = fields['port'] === undefined ? {} : { port: integer(fields, 'port', { from: 1, to: 65_535 }) };
    return router.declare(service(fields), { traffic, ...port, ...stickyOf(fields) });
  },
  'take-epoch': (router, fields) =>
    router.takeEpoch(service(fields), integer(fields, 'after', { from: 0, to: Number.MAX_SAFE_INTEGER - 1 })),
  route: (router, fields) => {
    const epoch = integer(fields, 'epoch', { from: 0, to: Number.MAX_SAFE_INTEGER });
    const share = record(fields['weights'], 'weights');
    const weights = {
      blue: integer(share, 'blue', { from: 0, to: 10_000 }),
      green: integer(share, 'green', { from: 0, to: 10_000 }),
    } as Weights;
    if (!isSplit(weights)) throw new InvalidOrder(`weights: together 10000 or 0 basis points, not ${weights.blue + weights.green}`);
    const revertTo = fields['revertTo'] === undefined ? {} : { revertTo: oneOf(fields, 'revertTo', ['blue', 'green'] as const) };
    return router.route(service(fields), { epoch, weights, ...revertTo });
  },
  revert: (router, fields) =>
    router.revert(service(fields), { id: text(fields, 'id'), by: text(fields, 'by'), reason: text(fields, 'reason') }),
  observe: (router, fields) => router.observe(service(fields)),
  reverts: (router, fields) => router.revertsAfter(fields['after'] === undefined ? undefined : text(fields, 'after')),
  endpoints: (router, fields) => {
    const list = fields['endpoints'];
    if (!Array.isArray(list) || list.length > 1_000) throw new InvalidOrder('endpoints: a list of at most 1000');
    const endpoints = list.map((entry: unknown) => {
      const at = record(entry, 'endpoints');
      return { host: text(at, 'host'), port: integer(at, 'port', { from: 1, to: 65_535 }) };
    });
    return router.setEndpoints(service(fields), oneOf(fields, 'slot', ['blue', 'green'] as const), {
      key: text(fields, 'key', 0),
      endpoints,
    });
  },
} satisfies Record<string, (router: Commands, fields: Fields) => Promise<unknown>>;

/** The name of a command of the control socket. */
export type ControlOrder = keyof typeof controlOrders;

export const isControlOrder = (name: string): name is ControlOrder => Object.hasOwn(controlOrders, name);

/** A JSON object, or the reason why it is none. */
export function record(value: unknown, name: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new InvalidOrder(`${name}: expected an object`);
  return value as Fields;
}

function service(fields: Fields): ServiceKey {
  const value = fields['service'];
  if (typeof value !== 'string' || value.length > 200 || !/^[\w.-]+\/[\w.-]+$/.test(value)) {
    throw new InvalidOrder('service: expected "<environment>/<service>"');
  }
  return value as ServiceKey;
}

function stickyOf(fields: Fields): { readonly sticky?: StickyKey } {
  if (fields['sticky'] === undefined) return {};
  const sticky = record(fields['sticky'], 'sticky');
  return { sticky: { from: oneOf(sticky, 'from', ['header', 'cookie', 'query'] as const), name: text(sticky, 'name') } };
}

function text(fields: Fields, name: string, least = 1): string {
  const value = fields[name];
  if (typeof value !== 'string' || value.length < least || value.length > 4_000) {
    throw new InvalidOrder(`${name}: expected a text of ${least} to 4000 characters`);
  }
  return value;
}

function integer(fields: Fields, name: string, { from, to }: { readonly from: number; readonly to: number }): number {
  const value = fields[name];
  if (typeof value !== 'number' || !Number.isInteger(value) || value < from || value > to) {
    throw new InvalidOrder(`${name}: expected a whole number from ${from} to ${to}`);
  }
  return value;
}

function oneOf<T extends string>(fields: Fields, name: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === fields[name]);
  if (found === undefined) throw new InvalidOrder(`${name}: expected one of ${allowed.join(', ')}`);
  return found;
}
