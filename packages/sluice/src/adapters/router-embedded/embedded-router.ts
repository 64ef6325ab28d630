import { request } from 'node:http';
import { socketPath, type ProcessIdentity } from '#host';
import { err, ok, type Clock, type Result } from '#kernel';
import type { Router, RouterEndpoints, RouterObservation, RouterRefusal, ServiceKey } from '#rollout';
import type { ControlOrder } from './control-orders.ts';

/** How long a command may take: a forward move waits for the disk. A router that says nothing for so long is as good as gone. */
const answerWithinMs = 5_000;

/** The router of a state folder, reached over its control socket. */
export function embeddedRouter({ stateFolder, clock }: { readonly stateFolder: string; readonly clock: Clock }): Router & RouterEndpoints {
  const line = { socket: socketPath(stateFolder, 'router'), clock };
  const observed = (name: ControlOrder, fields: object): Promise<Result<RouterObservation, RouterRefusal>> => command(line, name, fields);
  return {
    kind: 'embedded',
    declare: (service, how) => observed('declare', { service, ...how }),
    takeEpoch: (service, after) => observed('take-epoch', { service, after }),
    route: (service, order) => observed('route', { service, ...order }),
    revert: (service, why) => observed('revert', { service, ...why }),
    observe: (service) => observed('observe', { service }),
    revertsAfter: (id) => command(line, 'reverts', id === undefined ? {} : { after: id }),
    setEndpoints: (service, slot, filled) => observed('endpoints', { service, slot, ...filled }),
  };
}

/** Who runs the router of a state folder; undefined when nobody answers on its socket. */
export async function askIdentity(stateFolder: string, clock: Clock): Promise<ProcessIdentity | undefined> {
  const answer = await exchange({ socket: socketPath(stateFolder, 'router'), clock }, { method: 'GET', path: '/v1/identity', body: '' });
  return answer.kind === 'answer' && answer.status === 200 ? (JSON.parse(answer.body) as ProcessIdentity) : undefined;
}

/** Every service that the router of a state folder knows. */
export async function routedServices(from: {
  readonly stateFolder: string;
  readonly clock: Clock;
}): Promise<Result<readonly ServiceKey[], RouterRefusal>> {
  const socket = socketPath(from.stateFolder, 'router');
  const answer = await exchange({ socket, clock: from.clock }, { method: 'GET', path: '/v1/services', body: '' });
  if (answer.kind === 'answer' && answer.status === 200) return ok(JSON.parse(answer.body) as readonly ServiceKey[]);
  return err({ kind: 'unreachable', message: `the router does not answer on ${socket}${answer.kind === 'none' ? `: ${answer.why}` : ''}` });
}

async function command<T>(line: Line, name: ControlOrder, fields: object): Promise<Result<T, RouterRefusal>> {
  const answer = await exchange(line, { method: 'POST', path: `/v1/${name}`, body: JSON.stringify(fields) });
  if (answer.kind === 'none') return err({ kind: 'unreachable', message: `the router does not answer on ${line.socket}: ${answer.why}` });
  // The router is our own program: an order that it cannot read is a mistake of the caller, not of the world.
  if (answer.status === 400) throw new TypeError(`router refused to read "${name}": ${answer.body}`);
  if (answer.status !== 200) return err({ kind: 'unreachable', message: `the router failed at "${name}": ${answer.body}` });
  return JSON.parse(answer.body) as Result<T, RouterRefusal>;
}

type Line = { readonly socket: string; readonly clock: Clock };
type Asked = { readonly method: string; readonly path: string; readonly body: string };
type Answer = { readonly kind: 'answer'; readonly status: number; readonly body: string } | { readonly kind: 'none'; readonly why: string };

function exchange({ socket, clock }: Line, { method, path, body }: Asked): Promise<Answer> {
  return new Promise((resolve) => {
    const patience = new AbortController();
    const settle = (answer: Answer): void => {
      patience.abort();
      resolve(answer);
    };
    const headers = body === '' ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const req = request({ socketPath: socket, method, path, headers, agent: false }, (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('error', (error) => settle({ kind: 'none', why: error.message }));
      res.on('end', () => settle({ kind: 'answer', status: res.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }));
    });
    req.on('error', (error: NodeJS.ErrnoException) => settle({ kind: 'none', why: error.code ?? error.message }));
    req.end(body);
    clock.sleep(answerWithinMs, patience.signal).then(
      () => {
        settle({ kind: 'none', why: `no answer within ${answerWithinMs} ms` });
        req.destroy();
      },
      () => {},
    );
  });
}
