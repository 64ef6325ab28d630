import { MalformedCommand, parseCommand, type Answer, type Command, type Refused } from '../wire/index.ts';
import type { Breach, PreTradeLimits } from './limits.ts';
import type { Metrics } from './metrics.ts';

/** What one HTTP request asks for, already read completely. */
export type Ask = { readonly method: string; readonly url: URL; readonly body: string };
export type Told = { readonly status: number; readonly body: object };

/** What the routes need of the world. */
export type Trading = {
  readonly engine: { ask(command: Command): Promise<Answer> };
  readonly limits: PreTradeLimits;
  readonly metrics: Metrics;
};

const BOOK_DEPTH = 10;

const statusOf = { malformed: 400, 'unknown-order': 404, 'order-closed': 409, 'id-taken': 409 } as const satisfies Record<
  Refused['code'],
  number
>;

/** Answers the trading routes: POST /orders, DELETE and GET /orders/:clientOrderId, GET /book; undefined for any other. */
export async function answerOrder(ask: Ask, trading: Trading): Promise<Told | undefined> {
  try {
    const command = readCommand(ask);
    if (command === undefined) return undefined;
    const breach = command.op === 'new' ? trading.limits.check(command) : undefined;
    if (breach !== undefined) return refuseBreach(breach, trading.metrics);
    return tell(command, await trading.engine.ask(command));
  } catch (error) {
    if (error instanceof MalformedCommand) return { status: 400, body: { error: 'malformed', message: error.message } };
    throw error;
  }
}

function readCommand({ method, url, body }: Ask): Command | undefined {
  const order = /^\/orders\/([^/]+)$/.exec(url.pathname)?.[1];
  if (method === 'POST' && url.pathname === '/orders') return parseCommand({ ...parseBody(body), op: 'new' });
  if (method === 'DELETE' && order !== undefined) return parseCommand({ op: 'cancel', clientOrderId: decode(order) });
  if (method === 'GET' && order !== undefined) return parseCommand({ op: 'order', clientOrderId: decode(order) });
  if (method === 'GET' && url.pathname === '/book') return parseCommand({ op: 'book', depth: BOOK_DEPTH });
  return undefined;
}

function parseBody(body: string): object {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    // falls through to the one message for both
  }
  throw new MalformedCommand('body: expected a JSON object with clientOrderId, account, side, type, ticks and lots');
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new MalformedCommand('clientOrderId: not a valid URL segment');
  }
}

function tell(command: Command, answer: Answer): Told {
  const { kind: _kind, ...rest } = answer;
  switch (answer.kind) {
    case 'refused':
      return { status: statusOf[answer.code], body: { error: answer.code, message: answer.message } };
    case 'placed':
      return { status: 201, body: { ...idOf(command), ...rest } };
    case 'cancelled':
    case 'order':
    case 'book':
      return { status: 200, body: { ...idOf(command), ...rest } };
  }
}

const idOf = (command: Command): object => ('clientOrderId' in command ? { clientOrderId: command.clientOrderId } : {});

function refuseBreach({ code, message }: Breach, metrics: Metrics): Told {
  metrics.breached(code);
  return { status: code === 'order-rate' ? 429 : 422, body: { error: code, message } };
}
