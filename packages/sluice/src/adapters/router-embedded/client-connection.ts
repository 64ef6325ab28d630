import type { Socket } from 'node:net';
import { answerForClient, ownAnswer, type ClientFraming, type OwnAnswer } from './answer-for-client.ts';
import type { AnswerHead } from './answer-reader.ts';
import type { Passage } from './request-head.ts';
import { bodyFollows, RequestReader, type Refusal, type RequestHead, type RequestStep } from './request-reader.ts';

/** A request as its client's connection sees it. */
export type ClientRequest = {
  readonly start: () => void;
  /** Whether a part of the body can be taken now. */
  readonly takesBody: boolean;
  readonly onBody: (chunk: Buffer) => void;
  readonly onBodyEnd: () => void;
  /** The client has taken what it was sent: more may come. */
  readonly onClientDrain: () => void;
  /** The whole answer is in the hands of the system. */
  readonly onAnswered: () => void;
  /** The client closed its sending side a while ago and has no answer yet: most who do so are gone. */
  readonly onClientSilent: () => void;
  /** The client's connection is gone, or ended in the middle of the request. */
  readonly onClientLeft: () => void;
};

/** How long a client may owe something, in milliseconds. */
export type ClientLimits = {
  /** From the first byte of a head to its last, and from a new connection to its first head: a client sends it at once or not at all. */
  readonly headMs: number;
  readonly idleMs: number;
  /** Neither sending the body it owes nor taking the answer it asked for: stalled, it would hold a connection of the instance. */
  readonly stalledMs: number;
  /** After its last answer, until a client has ended its side too. */
  readonly lingerMs: number;
  /** Closed its sending side so long ago without an answer: more likely gone than waiting. Its answer is still delivered. */
  readonly silentMs: number;
};

/** All clients of one listener, as each of them sees it. */
export type Crowd = {
  readonly limits: ClientLimits;
  readonly request: (head: RequestHead, client: ClientConnection) => ClientRequest;
  /** True once no more clients are taken: then each connection ends with its next answer. */
  readonly closing: boolean;
  /** The time as answers carry it. */
  readonly date: () => string;
  /** Nothing is asked of this client now: its place may be given to another. */
  readonly rests: (connection: ClientConnection) => void;
  readonly busy: (connection: ClientConnection) => void;
  /** A client waits for its answer with its sending side closed. */
  readonly halfClosed: (connection: ClientConnection) => void;
  readonly left: (connection: ClientConnection) => void;
};

/** So much of what a client sends ahead of its answers is read; then the system holds it, and it has to wait. */
const mostAhead = 64 * 1024;
const nothing = Buffer.alloc(0);
const usual = { version: '1.1', persistent: false } as const;

/**
 * One connection of a client: its requests one after the other, each answered before the next is looked at (RFC 9112, 9.3.2). A client that
 * closed its sending side still gets its answers. A connection of which anything was odd ends with the answer that says so.
 */
export class ClientConnection {
  readonly socket: Socket;
  readonly #crowd: Crowd;
  readonly #reader = new RequestReader();
  #held: Buffer | undefined;
  #asked: RequestHead | undefined;
  #request: ClientRequest | undefined;
  #bodyDone = false;
  #answerDone = false;
  #framing: ClientFraming = 'none';
  #answerBegun = false;
  /** Nothing more is read as a request. */
  #closing = false;
  #inputEndedAt: number | undefined;
  #silenceTold = false;
  #paused = false;
  #corked = false;
  #pumping = false;
  #detached = false;
  /** When it last became idle, began a head or was lingering; when something last came in, and went out. */
  #since = performance.now();
  #inputAt = this.#since;
  #outputAt = this.#since;
  #sent = 0;
  #served = 0;

  constructor(socket: Socket, crowd: Crowd) {
    this.socket = socket;
    this.#crowd = crowd;
    socket.on('data', (chunk) => this.#received(chunk));
    socket.on('drain', () => {
      if (!this.#answerDone) this.#request?.onClientDrain();
    });
    socket.on('end', () => this.#inputEnded());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#gone());
  }

  get passage(): Passage {
    const { remoteAddress = 'unknown', localAddress = 'unknown', localPort = 0, localFamily } = this.socket;
    return { client: remoteAddress, router: `${localFamily === 'IPv6' ? `[${localAddress}]` : localAddress}:${localPort}` };
  }

  /** True between two requests. */
  get idle(): boolean {
    return this.#request === undefined && this.#held === undefined && !this.#reader.within && !this.#closing;
  }

  // ------------------------------------------------------------ for the request

  /** Tells the client to send the body that it holds back. */
  writeContinue(): void {
    this.socket.write('HTTP/1.1 100 Continue\r\n\r\n');
  }

  writeHead(answer: AnswerHead, how: { readonly close: boolean }): void {
    const { text, framing, closes } = answerForClient(answer, this.#asked ?? usual, {
      close: how.close || this.#closing || this.#crowd.closing,
      date: this.#crowd.date,
    });
    this.#framing = framing;
    this.#answerBegun = true;
    this.#closing = closes;
    this.#corkSoon();
    this.socket.write(text, 'latin1');
  }

  /** False when the client takes no more for now: wait for `onClientDrain`. */
  writeBody(chunk: Buffer): boolean {
    if (this.#framing === 'none' || chunk.length === 0) return true;
    if (this.#framing !== 'chunked') return this.socket.write(chunk);
    this.#corkSoon();
    this.socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1');
    this.socket.write(chunk);
    return this.socket.write('\r\n', 'latin1');
  }

  /** The answer is complete. */
  endAnswer(): void {
    this.#answerDone = true;
    const { socket } = this;
    if (this.#framing === 'chunked') socket.write('0\r\n\r\n', 'latin1');
    this.#uncork();
    if (this.#closing) {
      if (socket.writableLength > 0) socket.once('finish', () => this.#answered());
      socket.end();
      if (socket.writableLength === 0) this.#answered();
    } else if (socket.writableLength === 0) this.#answered();
    else
      socket.write('', (error) => {
        if (error === undefined || error === null) this.#answered();
      });
  }

  /** The answer that was begun will never be whole: the client must not take it for a whole one. */
  breakOff(): void {
    this.#uncork();
    if (this.#framing === 'close') this.socket.resetAndDestroy();
    else this.socket.destroy();
  }

  /** An answer of the router's own. */
  answerSelf(answer: OwnAnswer, how: { readonly close: boolean } = { close: false }): void {
    const { head, body } = ownAnswer(answer);
    const bodiless = this.#asked?.method === 'HEAD';
    this.writeHead(bodiless ? { ...head, framing: 'none' } : head, how);
    this.writeBody(body);
    this.endAnswer();
  }

  /** The instance can take (more of) the body. */
  resume(): void {
    this.#pump();
  }

  /** Gives the connection away for another protocol, with what the client has sent of it already. */
  takeOver(): { readonly socket: Socket; readonly early: Buffer | undefined } {
    this.#uncork();
    this.#detached = true;
    this.#crowd.left(this);
    this.#request = undefined;
    this.socket.removeAllListeners();
    this.socket.on('error', () => this.socket.destroy());
    return { socket: this.socket, early: this.#held };
  }

  // ------------------------------------------------------------ for the crowd

  /** Ends a connection that nothing is asked of. */
  release(): void {
    this.#closing = true;
    this.socket.end();
    this.socket.destroy();
  }

  /** Looks whether the client owes something for too long. */
  check(now: number): void {
    const { limits } = this.#crowd;
    const { socket } = this;
    const taken = socket.bytesWritten - socket.writableLength;
    if (taken !== this.#sent || socket.writableLength === 0) {
      if (taken !== this.#sent) this.#outputAt = now;
      this.#sent = taken;
    } else if (now - this.#outputAt > limits.stalledMs) return void socket.destroy();
    if (this.#request === undefined || this.#answerDone) return this.#checkBetween(now);
    if (!this.#bodyDone) {
      if (this.#request.takesBody && now - this.#inputAt > limits.stalledMs) socket.destroy();
      return;
    }
    const endedAt = this.#inputEndedAt;
    if (endedAt === undefined) return;
    if (!this.#silenceTold && now - endedAt > limits.silentMs) {
      this.#silenceTold = true;
      this.#request.onClientSilent();
    }
    if (now - Math.max(endedAt, this.#outputAt) > limits.stalledMs) socket.destroy();
  }

  #checkBetween(now: number): void {
    const { limits } = this.#crowd;
    const waited = now - this.#since;
    if (this.socket.writableLength > 0) return;
    if (this.#closing) {
      if (waited > limits.lingerMs) this.socket.destroy();
    } else if (this.#request !== undefined) {
      // Answered before its request was whole: the rest is read past, while it comes.
      if (now - this.#inputAt > limits.stalledMs) this.socket.destroy();
    } else if (this.#reader.within || this.#served === 0) {
      if (waited <= limits.headMs) return;
      if (this.#reader.within) this.#refuse({ status: 408, why: 'the head of the request did not come to its end' });
      else this.release();
    } else if (waited > limits.idleMs) this.release();
  }

  // ------------------------------------------------------------ what comes in

  #received(chunk: Buffer): void {
    // What a client still sends behind the end is not looked at: it only must not meet a closed door before it has read the answer.
    if (this.#closing && this.#request === undefined) return;
    this.#inputAt = performance.now();
    if (this.#request === undefined && this.#held === undefined && !this.#reader.within) this.#since = this.#inputAt;
    this.#held = this.#held === undefined ? chunk : Buffer.concat([this.#held, chunk]);
    this.#crowd.busy(this);
    this.#pump();
    if (this.#held !== undefined && this.#held.length >= mostAhead && !this.#paused) {
      this.#paused = true;
      this.socket.pause();
    }
  }

  #inputEnded(): void {
    this.#inputEndedAt = performance.now();
    this.#pump();
    if (this.#request !== undefined && this.#bodyDone && !this.#answerDone) this.#crowd.halfClosed(this);
  }

  #pump(): void {
    if (this.#pumping || this.#detached) return;
    this.#pumping = true;
    try {
      while (this.#advance()) continue;
    } finally {
      this.#pumping = false;
    }
    if (this.#paused && (this.#held === undefined || this.#held.length < mostAhead) && !this.#detached) {
      this.#paused = false;
      this.socket.resume();
    }
  }

  /** One step; false when something has to happen first. */
  #advance(): boolean {
    if (this.socket.destroyed || this.#detached) return false;
    const request = this.#request;
    if (request !== undefined) {
      if (this.#bodyDone) return false;
      if (!this.#answerDone && !request.takesBody) return false;
      if (this.#answerDone && this.#closing) return false;
    } else if (this.#closing) return false;
    const bytes = this.#held;
    if (bytes === undefined) {
      if (this.#reader.atEnd) return this.#took(this.#reader.next(nothing));
      return this.#inputEndedAt === undefined ? false : this.#cutShort();
    }
    this.#held = undefined;
    return this.#took(this.#reader.next(bytes));
  }

  #took(step: RequestStep): boolean {
    switch (step.kind) {
      case 'more':
        return this.#inputEndedAt === undefined ? false : this.#cutShort();
      case 'head':
        this.#keep(step.rest);
        this.#begin(step.head);
        return true;
      case 'data':
        this.#keep(step.rest);
        if (!this.#answerDone) this.#request?.onBody(step.data);
        return true;
      case 'end':
        this.#keep(step.rest);
        this.#bodyDone = true;
        if (this.#answerDone) this.#next();
        else {
          this.#request?.onBodyEnd();
          if (this.#inputEndedAt !== undefined) this.#crowd.halfClosed(this);
        }
        return true;
      default:
        this.#refuse(step.refusal);
        return false;
    }
  }

  #keep(rest: Buffer): void {
    this.#held = rest.length === 0 ? undefined : rest;
  }

  #begin(head: RequestHead): void {
    this.#asked = head;
    this.#bodyDone = !bodyFollows(head.body);
    this.#answerDone = false;
    this.#answerBegun = false;
    this.#served += 1;
    const request = this.#crowd.request(head, this);
    this.#request = request;
    request.start();
  }

  /** The answer is out: the next request is looked at when the rest of this one is. */
  #answered(): void {
    const request = this.#request;
    request?.onAnswered();
    if (this.#closing) {
      this.#request = undefined;
      this.#held = undefined;
      this.#since = performance.now();
      // Read on, so that what the client still sends does not break its connection before it has read the answer.
      this.socket.resume();
    } else if (this.#bodyDone) this.#next();
    this.#pump();
  }

  #next(): void {
    this.#request = undefined;
    this.#asked = undefined;
    this.#bodyDone = false;
    this.#answerDone = false;
    this.#since = performance.now();
    if (this.#held === undefined) this.#crowd.rests(this);
  }

  /** The client ended its side: between two requests that is the end, within one it is none. */
  #cutShort(): false {
    const request = this.#request;
    if (request === undefined) {
      if (this.#reader.within) this.#refuse({ status: 400, why: 'the request is not whole' });
      else this.release();
      return false;
    }
    if (this.#answerDone) {
      this.socket.destroy();
      return false;
    }
    this.#refuse({ status: 400, why: 'the request is not whole' });
    return false;
  }

  /** Answers that the request is none, and ends the connection: where the next one would begin is not certain. */
  #refuse(refusal: Refusal | { readonly status: 408; readonly why: string }): void {
    const request = this.#request;
    this.#request = undefined;
    if (request !== undefined) {
      // Within a body: the instance has a part of the request, and must not take it for a whole one.
      request.onClientLeft();
      if (this.#answerBegun) return void this.socket.destroy();
    }
    this.#held = undefined;
    this.#closing = true;
    this.#crowd.busy(this);
    this.answerSelf({ status: refusal.status, code: 'refused', message: refusal.why }, { close: true });
  }

  #gone(): void {
    const request = this.#request;
    this.#request = undefined;
    this.#crowd.left(this);
    if (!this.#detached) request?.onClientLeft();
  }

  #corkSoon(): void {
    if (this.#corked) return;
    this.#corked = true;
    this.socket.cork();
    // Head and the first bytes of the body go out together; a head whose body is late goes out alone.
    process.nextTick(this.#uncork);
  }

  readonly #uncork = (): void => {
    if (!this.#corked) return;
    this.#corked = false;
    this.socket.uncork();
  };
}
