import type { Socket } from 'node:net';
import type { Slot } from '#rollout';
import type { OwnAnswer } from './answer-for-client.ts';
import type { AnswerHead } from './answer-reader.ts';
import type { ClientConnection, ClientRequest } from './client-connection.ts';
import { headForInstance } from './request-head.ts';
import { bodyFollows, type RequestHead } from './request-reader.ts';
import type { ServiceTraffic } from './service-traffic.ts';
import type { SlotTraffic } from './slot-traffic.ts';
import { tunnel } from './tunnel.ts';
import type { Upstream } from './upstream.ts';
import type { Exchange, UpstreamConnection } from './upstream-connection.ts';

/** Methods that ask and change nothing (RFC 9110, 9.2.1): asked twice they do no harm. */
const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);
/** How often a safe request is asked again where its connection broke. */
const mostRepeats = 2;

/** One request on its way through the router. */
export class ProxiedRequest implements Exchange, ClientRequest {
  readonly #traffic: ServiceTraffic;
  readonly #client: ClientConnection;
  readonly #head: RequestHead;
  readonly #bodyFollows: boolean;
  #slotName: Slot | undefined;
  #slot: SlotTraffic | undefined;
  #slotStartedAt = performance.now();
  #tried: Upstream[] = [];
  #upstream: Upstream | undefined;
  #connection: UpstreamConnection | undefined;
  #repeats = 0;
  /** The client has heard the beginning of an answer. */
  #answerBegun = false;
  #failed = false;
  #counted = false;
  #over = false;
  #uploading = false;
  #bodySent = false;
  #instanceFull = false;
  #standingIn = false;
  #lastRefusal = '';
  #continued = false;

  constructor(traffic: ServiceTraffic, client: ClientConnection, head: RequestHead) {
    this.#traffic = traffic;
    this.#client = client;
    this.#head = head;
    this.#bodyFollows = bodyFollows(head.body);
  }

  /** Sends the request to an instance of the slot whose turn it is. */
  start(): void {
    const slot = this.#traffic.turn(this.#head);
    if (slot === undefined) return this.#client.answerSelf(nothingLive);
    this.#enter(slot);
    this.#ask();
  }

  // ------------------------------------------------------------ from the client

  get takesBody(): boolean {
    return this.#uploading && !this.#instanceFull;
  }

  onBody(chunk: Buffer): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    let flowing: boolean;
    if (this.#head.body.kind === 'chunked') {
      connection.cork();
      connection.write(`${chunk.length.toString(16)}\r\n`);
      connection.write(chunk);
      flowing = connection.write('\r\n');
      connection.uncork();
    } else flowing = connection.write(chunk);
    this.#instanceFull = !flowing;
  }

  onBodyEnd(): void {
    this.#uploading = false;
    this.#bodySent = true;
    if (this.#head.body.kind === 'chunked') this.#connection?.write('0\r\n\r\n');
    this.#connection?.sent();
  }

  onClientDrain(): void {
    this.#connection?.resume();
  }

  onAnswered(): void {
    this.#over = true;
    this.#count('ended');
  }

  /** Counted as left, although its answer will be delivered if it comes and somebody is there: one who waits like this is rare. */
  onClientSilent(): void {
    this.#count('left');
  }

  onClientLeft(): void {
    if (this.#over) return;
    this.#over = true;
    this.#count(this.#failed && this.#answerBegun ? 'ended' : 'left');
    // The instance may stop working on it.
    this.#connection?.destroy();
    this.#release();
  }

  // ------------------------------------------------------------ from the instance

  onHead(answer: AnswerHead): void {
    this.#answerBegun = true;
    this.#failed = answer.status >= 500;
    // An instance that answered before the client was told to go on: whether the body still comes is open, so the connection ends.
    const undecided = this.#head.expectsContinue && this.#bodyFollows && !this.#continued;
    this.#client.writeHead(answer, { close: undecided });
  }

  onContinue(): void {
    if (this.#continued || this.#answerBegun || !this.#head.expectsContinue) return;
    this.#continued = true;
    this.#client.writeContinue();
  }

  onData(chunk: Buffer): void {
    if (!this.#client.writeBody(chunk)) this.#connection?.pause();
  }

  onEnd(reusable: boolean): void {
    const connection = this.#connection;
    const upstream = this.#upstream;
    this.#uploading = false;
    this.#release();
    if (connection !== undefined && upstream !== undefined && reusable) upstream.keep(connection);
    this.#client.endAnswer();
  }

  onUpgrade(head: AnswerHead, socket: Socket, rest: Buffer): void {
    const slot = this.#slot;
    const upstream = this.#upstream;
    if (slot === undefined || upstream === undefined || (this.#bodyFollows && !this.#bodySent)) {
      socket.destroy();
      this.onFail('an upgrade before the request was whole');
      return;
    }
    const acceptedAfter = microsecondsSince(this.#slotStartedAt);
    this.#over = true;
    // From here on the connection is counted, not the request; one that was given up already stays so.
    if (!this.#counted) slot.inFlight -= 1;
    this.#counted = true;
    slot.sessions += 1;
    const { socket: client, early } = this.#client.takeOver();
    let text = 'HTTP/1.1 101 Switching Protocols\r\n';
    for (let at = 0; at < head.headers.length; at += 2) text += `${head.headers[at]}: ${head.headers[at + 1]}\r\n`;
    client.write(`${text}connection: upgrade\r\n\r\n`, 'latin1');
    const webSocket = this.#head.upgrade?.toLowerCase() === 'websocket';
    tunnel({ client, instance: socket, early, rest, speaks: webSocket ? 'websocket' : 'unknown' }, (end) => {
      slot.sessions -= 1;
      upstream.inFlight -= 1;
      slot.tunnelEnded(acceptedAfter, end);
    });
  }

  onDrain(): void {
    this.#instanceFull = false;
    this.#client.resume();
  }

  onFail(why: string): void {
    const upstream = this.#upstream;
    this.#connection?.destroy();
    this.#uploading = false;
    this.#release();
    if (this.#answerBegun) {
      // The client must not take half an answer for a whole one: its connection ends without the end of the body.
      this.#failed = true;
      this.#over = true;
      this.#count('ended');
      this.#client.breakOff();
      return;
    }
    // An idle connection may be closed by the instance at the moment we use it, and an instance that was just killed may take a new one before
    // its port is gone. A safe request may be asked again: twice, the second time each instance has had its chance to refuse, and then once of the
    // other slot. Anything else may have been carried out before the connection broke: a second order is worse than a 502.
    if (!this.#bodyFollows && safeMethods.has(this.#head.method)) {
      if (this.#repeats < mostRepeats && upstream !== undefined) {
        this.#repeats += 1;
        this.#use(upstream, true);
        return;
      }
      if (this.#standIn()) return;
    }
    this.#answerSelf({
      status: 502,
      code: 'no-answer',
      message: `the instance gave no answer (${why}); it may or may not have acted on the request`,
    });
  }

  // ------------------------------------------------------------ ways

  #enter(slot: Slot): void {
    this.#slotName = slot;
    this.#slot = this.#traffic.slots[slot];
    this.#slot.inFlight += 1;
    this.#slotStartedAt = performance.now();
    this.#tried = [];
  }

  #ask(): void {
    const slot = this.#slot;
    // While all of its instances refuse, only one request in a while asks them: the others need not wait for the refusal.
    const upstream = slot?.pick(this.#tried, { resting: this.#standingIn || this.#other === undefined });
    if (upstream === undefined) this.#noInstance();
    else this.#use(upstream, false);
  }

  #use(upstream: Upstream, fresh: boolean): void {
    this.#upstream = upstream;
    upstream.inFlight += 1;
    const idle = fresh ? undefined : upstream.takeIdle();
    if (idle !== undefined) return this.#send(idle);
    upstream.connect((connection, why) => {
      if (this.#over) {
        // The client left meanwhile.
        connection?.destroy();
        return;
      }
      if (connection !== undefined) return this.#send(connection);
      // Nothing was sent yet, so another instance may safely be asked, whatever the method.
      this.#release();
      this.#tried.push(upstream);
      this.#lastRefusal = `${upstream.endpoint.host}:${upstream.endpoint.port} ${why}`;
      this.#ask();
    });
  }

  #send(connection: UpstreamConnection): void {
    this.#connection = connection;
    const { method, upgrade } = this.#head;
    const text = headForInstance(this.#head, this.#client.passage);
    this.#uploading = this.#bodyFollows;
    this.#instanceFull = false;
    connection.begin(text, { method, bodyFollows: this.#bodyFollows, upgrade: upgrade !== undefined }, this);
    if (this.#uploading) this.#client.resume();
  }

  get #other(): Slot | undefined {
    return this.#slotName === undefined ? undefined : this.#traffic.standIn(this.#slotName);
  }

  /** The other slot takes the request, once: the failure stays with the slot whose turn it was. */
  #standIn(): boolean {
    const other = this.#other;
    const slot = this.#slot;
    if (other === undefined || slot === undefined || this.#standingIn) return false;
    this.#standingIn = true;
    slot.fellBack(microsecondsSince(this.#slotStartedAt), { counted: this.#counted });
    this.#counted = false;
    this.#enter(other);
    this.#ask();
    return true;
  }

  #noInstance(): void {
    // Nothing was sent, or nothing that could do harm: the client gets its answer.
    if (this.#standIn()) return;
    const refused = this.#lastRefusal === '' ? 'it has no instances' : `last: ${this.#lastRefusal}`;
    const message = `no instance of slot ${this.#slotName} takes connections (${refused})`;
    this.#answerSelf({ status: 503, code: 'no-instance', message });
  }

  #answerSelf(answer: OwnAnswer): void {
    this.#failed = true;
    this.#answerBegun = true;
    this.#client.answerSelf(answer);
  }

  #release(): void {
    if (this.#upstream !== undefined) this.#upstream.inFlight -= 1;
    this.#upstream = undefined;
    this.#connection = undefined;
  }

  #count(how: 'ended' | 'left'): void {
    const slot = this.#slot;
    if (this.#counted || slot === undefined) return;
    this.#counted = true;
    slot.inFlight -= 1;
    const microseconds = microsecondsSince(this.#slotStartedAt);
    if (how === 'ended') slot.ended(microseconds, this.#failed);
    else slot.abandoned(microseconds);
  }
}

const nothingLive = { status: 503, code: 'nothing-live', message: 'no version of this service is live' } as const;

export const microsecondsSince = (startedAt: number): number => (performance.now() - startedAt) * 1000;
