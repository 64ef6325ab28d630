import { deepFreeze, seconds, type Duration } from '#kernel';
import { fill, isRecord } from './filled.ts';

/** Stands for the address (`host:port`) of another service of the same environment. */
export type AddressOf<Name extends string = string> = { readonly kind: 'address-of'; readonly service: Name };

/** Stands for a folder of the service's own that outlives instances, slots and versions. */
export type Folder = { readonly kind: 'folder'; readonly name: string };

/**
 * A number that keeps what a service may do within bounds, with its unit: how large an order may be, how far a price may move. Whoever approves a release
 * sees each change of one. `safer` says in which direction it protects: most protect by being low.
 */
export type Limit = { readonly kind: 'limit'; readonly value: number; readonly unit: string; readonly safer: 'lower' | 'higher' };

/** A variable of an instance: a fixed text, a limit, the address of another service of the same environment, or a lasting folder of the service's own. */
export type Variable<Name extends string = string> = string | Limit | AddressOf<Name> | Folder;

/** Variables of an instance by name. */
export type Variables<Name extends string = string> = Readonly<Record<string, Variable<Name>>>;

/** How an instance shows that it may get traffic: `rise` good looks in a row bring it in, `fall` bad ones in a row take it out. */
export type HealthCheck = { readonly interval: Duration; readonly timeout: Duration; readonly rise: number; readonly fall: number } & (
  | { readonly kind: 'http'; readonly path: string }
  | { readonly kind: 'connect' }
);

/** Where a request names whom it belongs to (an account, a session, a symbol): requests with the same value stay on the same version while the weight of the new one grows. */
export type StickyKey = { readonly from: 'header' | 'cookie' | 'query'; readonly name: string };

/** A deployable unit, as plain data with every default filled in. */
export type Service = {
  /** Globs relative to the project: what is packed into the artifact. */
  readonly files: readonly string[];
  readonly start: readonly [program: string, ...args: string[]];
  /** `request`: HTTP, balanced per request. `connection`: TCP or WebSocket, balanced per connection. */
  readonly traffic: 'request' | 'connection';
  /** Absent: each request is drawn for itself. */
  readonly sticky?: StickyKey;
  readonly health: HealthCheck;
  readonly smoke: readonly SmokeCheck[];
  readonly env: Variables;
  readonly secrets: readonly string[];
  readonly instances: number;
  /** How long an instance may take to become healthy. */
  readonly startWithin: Duration;
  /** How long after SIGTERM until SIGKILL. */
  readonly stopWithin: Duration;
};

/** One request that a new version must answer as told before it gets traffic. */
export type SmokeCheck = { readonly method: 'GET'; readonly path: string; readonly status: number; readonly contains?: string };

/** A service that names the services it calls in its type, so that the delivery can check them. */
export type ServiceCalling<Callee extends string> = Omit<Service, 'env'> & { readonly env: Variables<Callee> };

/** What a user writes for a service; everything but `start` and `files` has a safe default. */
export type ServiceInput<Callee extends string> = {
  /** The program and its arguments, run in the unpacked artifact with `PORT` and `HOST` to listen on. */
  readonly start: readonly [program: string, ...args: string[]];
  /** Globs relative to the project: what is packed into the artifact. */
  readonly files: readonly string[];
  /** `request` (HTTP) unless told. */
  readonly traffic?: 'request' | 'connection';
  /** Binds requests to a version by what they name: `byHeader('x-account')`, `byCookie('session')`, `byQuery('symbol')`. Only for `request`. */
  readonly sticky?: StickyKey;
  /** `http('/health')` unless told; `connect()` for connections. */
  readonly health?: HealthCheck;
  /** Requests that a new version must answer as told before it gets traffic: `[get('/orders')]`. */
  readonly smoke?: readonly SmokeCheck[];
  /** Variables; `addressOf('engine')` is another service, `folder('journal')` a lasting folder, `limit(500, 'lots')` a limit. */
  readonly env?: Variables<Callee>;
  /** Names of the secrets its instances may see. */
  readonly secrets?: readonly string[];
  /** Instances in each slot, one unless told. */
  readonly instances?: number;
  /** Thirty seconds unless told. */
  readonly startWithin?: Duration;
  /** Ten seconds unless told. */
  readonly stopWithin?: Duration;
};

/** A deployable unit: what is packed, how it starts, how one sees that it is well. */
export function service<const Callee extends string = never>(input: ServiceInput<Callee>): ServiceCalling<Callee> {
  const byConnection = isRecord(input) && input.traffic === 'connection';
  return deepFreeze(
    fill<ServiceCalling<Callee>>(input, {
      traffic: 'request',
      health: byConnection ? connect() : http('/health'),
      smoke: [],
      env: {},
      secrets: [],
      instances: 1,
      startWithin: seconds(30),
      stopWithin: seconds(10),
    }),
  );
}

type Rhythm = { readonly interval?: Duration; readonly timeout?: Duration; readonly rise?: number; readonly fall?: number };

/** One good answer is proof enough that an instance can answer; one bad one is not yet proof that it cannot: taking it out is the costlier mistake. */
const rhythm = (input: Rhythm): Required<Rhythm> => ({
  interval: input.interval ?? seconds(1),
  timeout: input.timeout ?? seconds(1),
  rise: input.rise ?? 1,
  fall: input.fall ?? 3,
});

/**
 * Healthy while this path answers with a 2xx status. Looked at every second, which is also how long an answer may take; in after one good look (`rise`),
 * out after three bad ones in a row (`fall`), unless told.
 */
export const http = (path: string, input: Rhythm = {}): HealthCheck => deepFreeze({ kind: 'http', path, ...rhythm(input) });

/** Healthy while it accepts connections; looked at as often as `http()`. */
export const connect = (input: Rhythm = {}): HealthCheck => deepFreeze({ kind: 'connect', ...rhythm(input) });

/** A request that a new version must answer with this status (200 unless told) and, when told, with this text in it. */
export const get = (path: string, answer: { readonly status?: number; readonly contains?: string } = {}): SmokeCheck =>
  deepFreeze(fill(answer, { method: 'GET', path, status: 200 }));

/** Requests with the same value of this header stay on the same version. */
export const byHeader = (name: string): StickyKey => deepFreeze({ from: 'header', name });

/** Requests with the same value of this cookie stay on the same version. */
export const byCookie = (name: string): StickyKey => deepFreeze({ from: 'cookie', name });

/** Requests with the same value of this query parameter stay on the same version. */
export const byQuery = (name: string): StickyKey => deepFreeze({ from: 'query', name });

/** The address (`host:port`) of another service of the same environment, behind its router, as the value of a variable. */
export const addressOf = <const Name extends string>(service: Name): AddressOf<Name> => deepFreeze({ kind: 'address-of', service });

/** A folder of the service's own that outlives instances, slots and versions, as the value of a variable. */
export const folder = (name: string): Folder => deepFreeze({ kind: 'folder', name });

/** A limit with its unit as the value of a variable: the instance gets the number alone. `limit(2, 'percent', { safer: 'higher' })` where a low one is the danger. */
export const limit = (value: number, unit: string, { safer = 'lower' }: { readonly safer?: 'lower' | 'higher' } = {}): Limit =>
  deepFreeze({ kind: 'limit', value, unit, safer });
