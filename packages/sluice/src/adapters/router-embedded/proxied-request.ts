import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Slot } from '#rollout';
import type { AnswerHead } from './answer-reader.ts';
import type { RequestBody } from './request-head.ts';
import type { ServiceTraffic } from './service-traffic.ts';
import type { SlotTraffic } from './slot-traffic.ts';
import type { Upstream } from './upstream.ts';
import type { Exchange, UpstreamConnection } from './upstream-connection.ts';

/** How long a client may neither send the body it owes nor take the answer it asked for: stalled, it would hold a connection of the instance. */
const stalledMs = 60_000;

/** One request on its way through the router. */
export class ProxiedRequest implements Exchange {
  readonly #traffic: ServiceTraffic;
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #head: string;
  readonly #body: RequestBody;
  #slotName: Slot;
  #slot: SlotTraffic;
  #slotStartedAt: number;
  #tried: Upstream[] = [];
  #upstream: Upstream | undefined;
  #connection: UpstreamConnection | undefined;
  /** How often a request that changes nothing was asked again. */
  #repeats = 0;
  #answered = false;
  #failed = false;
  #settled = false;
  #uploading = false;
  #blocked = false;
  #standingIn = false;
  #lastRefusal = '';
  #continued = false;

  constructor(
    traffic: ServiceTraffic,
    slot: Slot,
    request: {
      readonly req: IncomingMessage;
      readonly res: ServerResponse;
      readonly head: string;
      readonly body: RequestBody;
      readonly startedAt: number;
    },
  ) {
    this.#traffic = traffic;
    this.#slotName = slot;
    this.#slot = traffic.slots[slot];
    this.#req = request.req;
    this.#res = request.res;
    this.#head = request.head;
    this.#body = request.body;
    this.#slotStartedAt = request.startedAt;
    this.#slot.inFlight += 1;
    this.#res.once('close', () => this.#closed());
  }

  /** Sends the request to an instance: over an idle connection, or a new one. */
  start(): void {
    const upstream = this.#slot.pick(this.#tried);
    if (upstream === undefined) return this.#noInstance();
    this.#use(upstream, false);
  }

  onHead(head: AnswerHead): void {
    this.#answered = true;
    this.#failed = head.status >= 500;
    try {
      // An instance that answered before the client was told to go on: whether the body still comes is open, so the connection ends.
      const undecided = this.#req.headers.expect !== undefined && !this.#continued;
      const headers = undecided ? [...head.headers, 'connection', 'close'] : (head.headers as string[]);
      this.#res.writeHead(head.status, head.reason, headers);
      // Streams begin with their head: without this it would wait for the first bytes of the body.
      this.#flushSoon();
    } catch {
      // Node keeps the reason that it refused, and would refuse the router's own answer for it.
      this.#res.statusMessage = '';
      this.onFail('an answer with a broken header');
    }
  }

  onContinue(): void {
    if (this.#continued || this.#res.headersSent) return;
    this.#continued = true;
    this.#res.writeContinue();
  }

  onData(chunk: Buffer): void {
    if (this.#res.write(chunk) || this.#blocked) return;
    this.#blocked = true;
    this.#connection?.pause();
    this.#watchClient();
    this.#res.once('drain', this.#drained);
  }

  onEnd(reusable: boolean): void {
    const connection = this.#connection;
    const upstream = this.#upstream;
    this.#release();
    if (connection !== undefined && upstream !== undefined && reusable) upstream.keep(connection);
    this.#stopUpload();
    this.#endAnswer();
  }

  onUpgrade(_head: AnswerHead, socket: Socket): void {
    socket.destroy();
    this.onFail('an upgrade that nobody asked for');
  }

  onDrain(): void {
    if (this.#uploading) this.#req.resume();
  }

  onFail(why: string): void {
    const upstream = this.#upstream;
    this.#connection?.destroy();
    this.#release();
    this.#stopUpload();
    if (this.#res.headersSent) {
      // The client must not take half an answer for a whole one: its connection ends without the end of the body.
      this.#failed = true;
      this.#res.destroy();
      return;
    }
    // An idle connection may be closed by the instance at the moment we use it, and an instance that was just killed may take a new one before
    // its port is gone. A GET or HEAD asks and changes nothing, so it may be asked again: twice, the second time each instance has had its chance
    // to refuse. Anything else may have been carried out before the connection broke: a second order is worse than a 502.
    const method = this.#req.method;
    const changesNothing = this.#body.kind === 'none' && (method === 'GET' || method === 'HEAD');
    if (changesNothing && this.#repeats < 2 && upstream !== undefined) {
      this.#repeats += 1;
      this.#use(upstream, true);
      return;
    }
    this.#answerSelf(502, 'no-answer', `the instance gave no answer (${why}); it may or may not have acted on the request`);
  }

  #use(upstream: Upstream, fresh: boolean): void {
    this.#upstream = upstream;
    upstream.inFlight += 1;
    const idle = fresh ? undefined : upstream.takeIdle();
    if (idle !== undefined) return this.#send(idle);
    upstream.connect((connection, why) => {
      if (this.#settled) {
        // The client left meanwhile.
        connection?.destroy();
        return;
      }
      if (connection !== undefined) return this.#send(connection);
      // Nothing was sent yet, so another instance may safely be asked, whatever the method.
      this.#release();
      this.#tried.push(upstream);
      this.#lastRefusal = `${upstream.endpoint.host}:${upstream.endpoint.port} ${why}`;
      this.start();
    });
  }

  #send(connection: UpstreamConnection): void {
    this.#connection = connection;
    const bodyFollows = this.#body.kind !== 'none';
    connection.begin(this.#head, { method: this.#req.method ?? 'GET', bodyFollows, upgrade: false }, this);
    if (bodyFollows) this.#upload(connection);
  }

  #upload(connection: UpstreamConnection): void {
    const req = this.#req;
    const chunked = this.#body.kind === 'chunked';
    this.#uploading = true;
    req.on('data', (chunk: Buffer) => {
      if (!this.#uploading) return;
      let flowing: boolean;
      if (chunked) {
        connection.cork();
        connection.write(`${chunk.length.toString(16)}\r\n`);
        connection.write(chunk);
        flowing = connection.write('\r\n');
        connection.uncork();
      } else flowing = connection.write(chunk);
      if (!flowing) req.pause();
    });
    req.on('end', () => {
      if (!this.#uploading) return;
      this.#uploading = false;
      this.#watchClient();
      if (chunked) connection.write('0\r\n\r\n');
      connection.sent();
    });
    // Set only when the body did not come with the head: most do, and a timer for each request costs.
    if (!req.complete) this.#watchClient();
  }

  #stopUpload(): void {
    if (!this.#uploading) return;
    this.#uploading = false;
    this.#watchClient();
    // What still comes is read past, so that the client hears the answer instead of a reset.
    this.#req.resume();
  }

  /** The client has taken what it was sent: the rest of the answer may come. */
  readonly #drained = (): void => {
    this.#blocked = false;
    this.#watchClient();
    this.#connection?.resume();
  };

  #endAnswer(): void {
    const res = this.#res;
    const client = res.socket;
    // Node tells nobody that an ended answer has drained.
    res.off('drain', this.#drained);
    res.end();
    if (client === null) return;
    const owed = client.writableLength > 0;
    if (owed || this.#blocked) {
      this.#blocked = owed;
      this.#watchClient();
    }
    // Before Node's own listener, which sets how long the connection may be idle from then on.
    if (owed) res.prependOnceListener('finish', () => client.setTimeout(0));
  }

  /** Lets the client's connection end when it is silent for long while it owes bytes of its body or has yet to take some of its answer. */
  #watchClient(): void {
    // An answer that waits for the one before it has no socket yet: its client cannot take it.
    const owes = this.#uploading || (this.#blocked && this.#res.socket !== null);
    this.#req.socket.setTimeout(owes ? stalledMs : 0);
  }

  #flushSoon(): void {
    const res = this.#res;
    process.nextTick(() => {
      if (!res.writableEnded && !res.destroyed) res.flushHeaders();
    });
  }

  #noInstance(): void {
    const other = this.#traffic.standIn(this.#slotName);
    const refused = this.#lastRefusal === '' ? 'it has no instances' : `last: ${this.#lastRefusal}`;
    if (other !== undefined && !this.#standingIn) {
      // The other slot serves live traffic as well, and nothing was sent: the client gets its answer. The failure stays with this slot.
      this.#standingIn = true;
      this.#slot.ended(microsecondsSince(this.#slotStartedAt), true);
      this.#slot.inFlight -= 1;
      this.#slotName = other;
      this.#slot = this.#traffic.slots[other];
      this.#slot.inFlight += 1;
      this.#slotStartedAt = performance.now();
      this.#tried = [];
      this.start();
      return;
    }
    this.#answerSelf(503, 'no-instance', `no instance of slot ${this.#slotName} takes connections (${refused})`);
  }

  #answerSelf(status: 502 | 503, code: string, message: string): void {
    this.#failed = true;
    this.#answered = true;
    this.#stopUpload();
    answerSelf(this.#res, { status, code, message });
  }

  #release(): void {
    if (this.#upstream !== undefined) this.#upstream.inFlight -= 1;
    this.#upstream = undefined;
    this.#connection = undefined;
  }

  /** The client's side has ended, one way or the other: count it once. */
  #closed(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#slot.inFlight -= 1;
    if (this.#res.writableFinished || (this.#failed && this.#answered)) {
      this.#slot.ended(microsecondsSince(this.#slotStartedAt), this.#failed);
    } else this.#slot.abandoned();
    if (this.#connection === undefined && this.#upstream === undefined) return;
    // The client has left: the instance may stop working on it.
    this.#connection?.destroy();
    this.#stopUpload();
    this.#release();
  }
}

/** An answer of the router's own, said so in a header, in JSON. */
export function answerSelf(
  res: ServerResponse,
  { status, code, message }: { readonly status: number; readonly code: string; readonly message: string },
): void {
  const body = `${JSON.stringify({ error: { code, message, from: 'sluice-router' } })}\n`;
  res.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), 'x-sluice-router': code });
  res.end(body);
}

export const microsecondsSince = (startedAt: number): number => (performance.now() - startedAt) * 1000;
