import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Slot } from '#rollout';
import type { AnswerHead } from './answer-reader.ts';
import { microsecondsSince } from './proxied-request.ts';
import { requestHead } from './request-head.ts';
import type { ServiceTraffic } from './service-traffic.ts';
import type { SlotTraffic } from './slot-traffic.ts';
import { tunnel } from './tunnel.ts';
import type { Upstream } from './upstream.ts';
import type { Exchange, UpstreamConnection } from './upstream-connection.ts';

/** A request to upgrade its connection (WebSocket): joined to the instance once that agrees, else answered and closed. */
export class UpgradeRequest implements Exchange {
  readonly #traffic: ServiceTraffic;
  readonly #req: IncomingMessage;
  readonly #client: Socket;
  readonly #first: Buffer;
  readonly #startedAt = performance.now();
  #slot: SlotTraffic | undefined;
  #slotName: Slot | undefined;
  #tried: Upstream[] = [];
  #standingIn = false;
  #upstream: Upstream | undefined;
  #connection: UpstreamConnection | undefined;
  #failed = false;
  #blocked = false;
  #bytesBefore = 0;
  #settled = false;

  constructor(
    traffic: ServiceTraffic,
    { req, socket, first }: { readonly req: IncomingMessage; readonly socket: Socket; readonly first: Buffer },
  ) {
    this.#traffic = traffic;
    this.#req = req;
    this.#client = socket;
    this.#first = first;
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#left());
  }

  start(): void {
    this.#slotName = this.#traffic.next();
    if (this.#slotName === undefined) return this.#answer(503, 'no version of this service is live');
    this.#enter(this.#slotName);
    this.#attempt();
  }

  onHead(head: AnswerHead): void {
    // The instance declined. Its answer is passed on, and the connection ends with it.
    this.#failed = head.status >= 500;
    const lines = [`HTTP/1.1 ${head.status} ${head.reason}`];
    for (let at = 0; at < head.headers.length; at += 2) lines.push(`${head.headers[at]}: ${head.headers[at + 1]}`);
    this.#client.write(`${lines.join('\r\n')}\r\nconnection: close\r\n\r\n`, 'latin1');
  }

  onContinue(): void {}

  onData(chunk: Buffer): void {
    const connection = this.#connection;
    if (this.#client.write(chunk) || this.#blocked) return;
    this.#blocked = true;
    connection?.pause();
    this.#client.once('drain', () => {
      this.#blocked = false;
      connection?.resume();
    });
  }

  onEnd(): void {
    this.#connection?.destroy();
    this.#client.end();
    this.#settle(this.#failed);
  }

  onFail(why: string): void {
    this.#settle(true);
    if (this.#client.bytesWritten > this.#bytesBefore) this.#client.destroy();
    else this.#answer(502, `the instance gave no answer (${why})`);
  }

  onDrain(): void {}

  onUpgrade(head: AnswerHead, socket: Socket, rest: Buffer): void {
    const slot = this.#slot;
    const upstream = this.#upstream;
    if (slot === undefined || upstream === undefined) {
      socket.destroy();
      return;
    }
    const acceptedAfter = microsecondsSince(this.#startedAt);
    this.#settled = true;
    slot.inFlight -= 1;
    slot.sessions += 1;
    const lines = ['HTTP/1.1 101 Switching Protocols'];
    for (let at = 0; at < head.headers.length; at += 2) lines.push(`${head.headers[at]}: ${head.headers[at + 1]}`);
    this.#client.write(`${lines.join('\r\n')}\r\nconnection: upgrade\r\n\r\n`, 'latin1');
    if (rest.length > 0) this.#client.write(rest);
    if (this.#first.length > 0) socket.write(this.#first);
    this.#client.setTimeout(0);
    tunnel(this.#client, socket, () => {
      slot.sessions -= 1;
      upstream.inFlight -= 1;
      slot.ended(acceptedAfter, false);
    });
  }

  #enter(slot: Slot): void {
    this.#slotName = slot;
    this.#slot = this.#traffic.slots[slot];
    this.#slot.inFlight += 1;
    this.#tried = [];
    this.#settled = false;
  }

  #attempt(): void {
    const slot = this.#slot;
    const upstream = slot?.pick(this.#tried);
    if (slot === undefined || upstream === undefined) return this.#noInstance();
    const head = requestHead(this.#req, { upgrade: true });
    if (head.kind === 'refused') {
      this.#settle(false);
      return this.#answer(head.status, head.why);
    }
    upstream.connect((connection) => {
      if (this.#settled) {
        connection?.destroy();
        return;
      }
      if (connection === undefined) {
        this.#tried.push(upstream);
        this.#attempt();
        return;
      }
      this.#upstream = upstream;
      upstream.inFlight += 1;
      this.#connection = connection;
      this.#bytesBefore = this.#client.bytesWritten;
      connection.begin(head.text, { method: 'GET', bodyFollows: false, upgrade: true }, this);
    });
  }

  #noInstance(): void {
    const other = this.#slotName === undefined ? undefined : this.#traffic.standIn(this.#slotName);
    this.#settle(true);
    if (other === undefined || this.#standingIn) return this.#answer(503, 'no instance takes connections');
    this.#standingIn = true;
    this.#enter(other);
    this.#attempt();
  }

  #answer(status: number, message: string): void {
    const body = `${JSON.stringify({ error: { code: 'no-upgrade', message, from: 'sluice-router' } })}\n`;
    const head = [
      `HTTP/1.1 ${status} ${status === 503 ? 'Service Unavailable' : 'Error'}`,
      'content-type: application/json',
      'x-sluice-router: no-upgrade',
    ];
    this.#client.end(`${head.join('\r\n')}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`);
  }

  #left(): void {
    if (this.#settled || this.#slot === undefined) return;
    this.#settled = true;
    this.#slot.inFlight -= 1;
    this.#slot.abandoned();
    if (this.#upstream !== undefined) this.#upstream.inFlight -= 1;
    this.#connection?.destroy();
  }

  #settle(failed: boolean): void {
    if (this.#settled || this.#slot === undefined) return;
    this.#settled = true;
    this.#slot.inFlight -= 1;
    if (this.#upstream !== undefined) this.#upstream.inFlight -= 1;
    this.#upstream = undefined;
    this.#slot.ended(microsecondsSince(this.#startedAt), failed);
  }
}
