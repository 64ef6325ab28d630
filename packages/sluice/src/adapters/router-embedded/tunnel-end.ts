import { CloseFrameReader } from './close-frame-reader.ts';

/**
 * How a tunnel ended. `failed`: the instance broke it, or said that something went wrong on its side. `dropped`: the instance ended it
 * first, without a word that says why; in many protocols that is as it should be. `ended`: everything else.
 */
export type TunnelEnd = 'ended' | 'failed' | 'dropped';

/**
 * Codes with which an endpoint says that it cannot go on (RFC 6455, 7.4.1, and its registry): protocol error, internal error, restart, try
 * again later, bad gateway. What a client is blamed for (1003, 1007 to 1010) is like a status of 400 to 499; 3000 and above have meanings of the application's own.
 */
const failing: ReadonlySet<number> = new Set([1002, 1011, 1012, 1013, 1014]);
const longestHandshake = 32 * 1024;

type Side = 'client' | 'instance';
type Reading = { handshake: string | undefined; readonly frames: CloseFrameReader };

/** Watches both directions of a tunnel, only as far as needed to know who ended it and why. Keeps no bytes of it beyond a handshake. */
export class TunnelWatch {
  #speaks: 'websocket' | 'sniff' | 'unknown';
  readonly #sides: Readonly<Record<Side, Reading>>;
  #verdict: TunnelEnd | undefined;

  constructor(speaks: 'websocket' | 'sniff' | 'unknown') {
    this.#speaks = speaks;
    const reading = (): Reading => ({ handshake: speaks === 'sniff' ? '' : undefined, frames: new CloseFrameReader() });
    this.#sides = { client: reading(), instance: reading() };
  }

  get end(): TunnelEnd {
    return this.#verdict ?? 'ended';
  }

  read(side: Side, chunk: Buffer): void {
    if (this.#speaks === 'unknown' || this.#verdict !== undefined) return;
    const reading = this.#sides[side];
    const bytes = reading.handshake === undefined ? chunk : this.#handshake(side, reading, chunk);
    if (bytes === undefined || bytes.length === 0) return;
    const code = reading.frames.read(bytes);
    if (code !== undefined) this.#verdict = side === 'instance' && failing.has(code) ? 'failed' : 'ended';
  }

  /** A side said that it sends no more. */
  ended(side: Side): void {
    if (this.#verdict !== undefined) return;
    if (side === 'client') this.#verdict = 'ended';
    // A WebSocket ends with a close frame; without one its client sees 1006.
    else this.#verdict = this.#speaks === 'websocket' ? 'failed' : 'dropped';
  }

  /** The connection to a side broke. */
  broke(side: Side): void {
    this.#verdict ??= side === 'client' ? 'ended' : 'failed';
  }

  /** The bytes behind the head of a handshake; undefined while it is not whole, or when there is none. */
  #handshake(side: Side, reading: Reading, chunk: Buffer): Buffer | undefined {
    const text = (reading.handshake ?? '') + chunk.toString('latin1');
    const expected = side === 'client' ? 'GET ' : 'HTTP/1.1 101';
    const begins = text.length < expected.length ? expected.startsWith(text) : text.startsWith(expected);
    if (!begins || text.length > longestHandshake) {
      this.#speaks = 'unknown';
      return undefined;
    }
    const end = text.indexOf('\r\n\r\n');
    if (end < 0) {
      reading.handshake = text;
      return undefined;
    }
    if (!/\r\nupgrade:[ \t]*websocket[ \t]*(?:\r\n|$)/i.test(text.slice(0, end))) {
      this.#speaks = 'unknown';
      return undefined;
    }
    reading.handshake = undefined;
    if (side === 'instance') this.#speaks = 'websocket';
    return Buffer.from(text.slice(end + 4), 'latin1');
  }
}
