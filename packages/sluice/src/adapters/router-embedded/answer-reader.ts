import { ChunkedReader } from './chunked-reader.ts';

/** The head of an answer: the header lines as they came, names and values by turns, without those that are between two hops. */
export type AnswerHead = {
  readonly status: number;
  readonly reason: string;
  readonly headers: readonly string[];
  /** How the end of its body is known. */
  readonly framing: Framing;
  readonly keepAliveHintMs?: number;
};

/** `none`: there is no body, whatever the headers say. `close`: it lasts until the connection ends. */
export type Framing = 'none' | 'length' | 'chunked' | 'close';

/** What the reader found in the bytes; `rest` are those it has not looked at yet. */
export type Step =
  | { readonly kind: 'more'; readonly rest: undefined }
  | { readonly kind: 'continue'; readonly rest: Buffer }
  | { readonly kind: 'head'; readonly head: AnswerHead; readonly rest: Buffer }
  | { readonly kind: 'data'; readonly data: Buffer; readonly rest: Buffer }
  | { readonly kind: 'upgrade'; readonly head: AnswerHead; readonly rest: Buffer }
  | { readonly kind: 'end'; readonly reusable: boolean; readonly rest: Buffer }
  | { readonly kind: 'invalid'; readonly why: string; readonly rest: undefined };

const more: Step = { kind: 'more', rest: undefined };
const nothing = Buffer.alloc(0);
const longestHead = 64 * 1024;

/** Headers that speak of one connection only and must not travel on. */
const betweenHops = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'te', 'trailer', 'upgrade']);
export const isBetweenHops = (lowerName: string): boolean => betweenHops.has(lowerName);

/** Anything else than text and whole line ends: a lone CR or LF would end a line for some readers and not for others. */
export const unprintable = /[^\t\x20-\x7e\x80-\xff\r\n]|\r(?!\n)|(?<!\r)\n/;
/** A value without the blanks around it, and only those: other characters that look like blanks may be half of one. */
export const withoutBlanks = (value: string): string => {
  let from = 0;
  let to = value.length;
  while (from < to && isBlank(value.charCodeAt(from))) from += 1;
  while (to > from && isBlank(value.charCodeAt(to - 1))) to -= 1;
  return value.slice(from, to);
};
const isBlank = (code: number): boolean => code === 32 || code === 9;
/** A name of a header or a method. */
export const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/**
 * Reads one HTTP/1.x answer from a connection, byte by byte strict: what could be understood in two ways is refused, because an answer
 * that ends elsewhere than the service meant would be given to the next client on this connection.
 */
export class AnswerReader {
  readonly #method: string;
  readonly #upgrade: boolean;
  #held: Buffer | undefined;
  #framing: Framing | undefined;
  #left = 0;
  #chunks: ChunkedReader | undefined;
  #persistent = false;

  constructor({ method, upgrade }: { readonly method: string; readonly upgrade: boolean }) {
    this.#method = method;
    this.#upgrade = upgrade;
  }

  /** True while the answer lasts until the connection closes. */
  get endedByClose(): boolean {
    return this.#framing === 'close';
  }

  /** Looks at the next bytes. Call again with `rest` until it wants more. */
  next(bytes: Buffer): Step {
    switch (this.#framing) {
      case undefined:
        return this.#head(bytes);
      case 'none':
        return { kind: 'end', reusable: this.#persistent, rest: bytes };
      case 'close':
        return bytes.length === 0 ? more : { kind: 'data', data: bytes, rest: nothing };
      case 'length':
        return this.#length(bytes);
      default:
        return this.#chunked(bytes);
    }
  }

  #length(bytes: Buffer): Step {
    if (this.#left === 0) return { kind: 'end', reusable: this.#persistent, rest: bytes };
    if (bytes.length === 0) return more;
    const data = bytes.length > this.#left ? bytes.subarray(0, this.#left) : bytes;
    this.#left -= data.length;
    return { kind: 'data', data, rest: bytes.subarray(data.length) };
  }

  #chunked(bytes: Buffer): Step {
    this.#chunks ??= new ChunkedReader({ strict: false, longestTrailers: Infinity });
    const step = this.#chunks.next(bytes);
    switch (step.kind) {
      case 'more':
        return more;
      case 'data':
        return step;
      case 'end':
        return { kind: 'end', reusable: this.#persistent, rest: step.rest };
      default:
        return invalid(step.why);
    }
  }

  #head(bytes: Buffer): Step {
    let unread = this.#held === undefined ? bytes : Buffer.concat([this.#held, bytes]);
    this.#held = undefined;
    for (;;) {
      const end = unread.indexOf('\r\n\r\n');
      if ((end < 0 ? unread.length - 3 : end) > longestHead) return invalid(`a head longer than ${longestHead} bytes`);
      if (end < 0) {
        this.#held = unread.length === 0 ? undefined : unread;
        return more;
      }
      const text = unread.toString('latin1', 0, end);
      unread = unread.subarray(end + 4);
      const step = this.#parse(text, unread);
      if (step !== 'hint') return step;
    }
  }

  #parse(text: string, rest: Buffer): Step | 'hint' {
    if (unprintable.test(text)) return invalid('a head with control characters');
    const lines = text.split('\r\n');
    const statusLine = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: (.*))?$/.exec(lines[0] ?? '');
    if (statusLine === null) return invalid('no HTTP/1 status line');
    const status = Number(statusLine[2]);
    const headers: string[] = [];
    let length: string | undefined;
    let coding: string | undefined;
    let connection = '';
    let keepAliveHintMs: number | undefined;
    for (let at = 1; at < lines.length; at += 1) {
      const line = lines[at] ?? '';
      const colon = line.indexOf(':');
      const name = line.slice(0, colon);
      if (colon <= 0 || !token.test(name)) return invalid('a header line that is none');
      const value = withoutBlanks(line.slice(colon + 1));
      const lower = name.toLowerCase();
      switch (lower) {
        case 'content-length':
          if (!/^\d{1,15}$/.test(value) || (length !== undefined && length !== value)) return invalid('an ambiguous content-length');
          // Without leading zeros, which some readers take for another base.
          if (length === undefined && status !== 204) headers.push(name, String(Number(value)));
          length = value;
          break;
        case 'transfer-encoding':
          if (coding !== undefined || value.toLowerCase() !== 'chunked') return invalid(`a transfer-encoding that is not "chunked"`);
          coding = value;
          break;
        case 'connection':
          connection += `,${value.toLowerCase()}`;
          break;
        case 'keep-alive': {
          const seconds = /(?:^|[,\s])timeout=(\d{1,6})/i.exec(value)?.[1];
          if (seconds !== undefined) keepAliveHintMs = Number(seconds) * 1000;
          break;
        }
        case 'upgrade':
          // 426 says with it what the client should offer.
          if (status === 101 || status === 426) headers.push(name, value);
          break;
        default:
          if (!betweenHops.has(lower)) headers.push(name, value);
      }
    }
    if (coding !== undefined && statusLine[1] === '0') return invalid('a transfer-encoding in HTTP/1.0');
    if (length !== undefined && coding !== undefined) return invalid('both content-length and transfer-encoding');
    const head: AnswerHead = {
      status,
      reason: statusLine[3] ?? '',
      headers: withoutNamed(headers, connection),
      framing: this.#framingOf(status, coding, length),
      ...(keepAliveHintMs === undefined ? {} : { keepAliveHintMs }),
    };
    if (status === 101) return this.#upgrade ? { kind: 'upgrade', head, rest } : invalid('an upgrade that nobody asked for');
    // Interim answers: 100 is passed on, hints (103) are not needed.
    if (status === 100) return { kind: 'continue', rest };
    if (status < 200) return 'hint';
    const closes = /[,\s]close(?:$|[,\s])/.test(connection);
    this.#persistent = !closes && (statusLine[1] === '1' || connection.includes('keep-alive'));
    this.#framing = head.framing;
    // Some services send a body all the same, a moment later. On a connection used again it would be the answer of the next request.
    if (this.#framing === 'none') this.#persistent = false;
    this.#left = this.#framing === 'length' ? Number(length) : 0;
    return { kind: 'head', head, rest };
  }

  #framingOf(status: number, coding: string | undefined, length: string | undefined): Framing {
    if (this.#method === 'HEAD' || status < 200 || status === 204 || status === 304) return 'none';
    if (coding !== undefined) return 'chunked';
    return length === undefined ? 'close' : 'length';
  }
}

/** Without the headers that `connection` names; framing and dates stay whatever it names. */
function withoutNamed(headers: string[], connection: string): string[] {
  if (connection === '' || connection === ',keep-alive' || connection === ',close') return headers;
  const named = connection.split(',').map((name) => name.trim());
  return headers.filter((_, at) => {
    const name = (headers[at - (at % 2)] ?? '').toLowerCase();
    return name === 'content-length' || name === 'upgrade' || !named.includes(name);
  });
}

const invalid = (why: string): Step => ({ kind: 'invalid', why, rest: undefined });
