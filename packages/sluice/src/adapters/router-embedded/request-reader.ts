import { isBetweenHops, token, unprintable, withoutBlanks } from './answer-reader.ts';
import { ChunkedReader } from './chunked-reader.ts';

/** How the body of a request is framed. */
export type RequestBody = { readonly kind: 'none' } | { readonly kind: 'length'; readonly bytes: number } | { readonly kind: 'chunked' };

/** The head of a request, understood. Header lines are names and values by turns. */
export type RequestHead = {
  readonly method: string;
  /** A path, or `*`. */
  readonly target: string;
  readonly version: '1.0' | '1.1';
  /** Whom the request is for; absent in HTTP/1.0 only. */
  readonly host?: string;
  /** What travels on as it came: without host and framing, and without what ends at this hop. */
  readonly headers: readonly string[];
  readonly body: RequestBody;
  /** Another protocol that the client offers to go over to. */
  readonly upgrade?: string;
  readonly expectsContinue: boolean;
  /** Whether the client wants to use its connection again. */
  readonly persistent: boolean;
};

/** Why a request is not passed on. Its connection ends with the answer: where the next request would begin is not certain any more. */
export type Refusal = { readonly status: 400 | 405 | 431 | 501 | 505; readonly why: string };

/** What the reader found in the bytes; `rest` are those it has not looked at yet. */
export type RequestStep =
  | { readonly kind: 'more' }
  | { readonly kind: 'head'; readonly head: RequestHead; readonly rest: Buffer }
  | { readonly kind: 'data'; readonly data: Buffer; readonly rest: Buffer }
  | { readonly kind: 'end'; readonly rest: Buffer }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

/** Whether bytes of a body come behind the head. */
export const bodyFollows = (body: RequestBody): boolean => body.kind === 'chunked' || (body.kind === 'length' && body.bytes > 0);

const more: RequestStep = { kind: 'more' };
const nothing = Buffer.alloc(0);
const longestHead = 32 * 1024;
/** Empty lines before a request: some old clients send one behind a body (RFC 9112, 2.2). */
const mostEmptyLines = 8;

/** A name or address and a port (RFC 3986, 3.2.2): what else stands there, two readers may take for two hosts. */
const hostForm = /^(?:\[[0-9a-fA-F:.]+\]|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9a-fA-F]{2})*)(?::(\d{0,5}))?$/;
/** Visible characters without `#`: a fragment is never sent. */
const targetForm = /^[\x21\x22\x24-\x7e]+$/;
const absoluteForm = /^https?:\/\/([^/?]+)([/?].*)?$/i;
/** These say whose request it is and where it ends, whatever `connection` says of them. */
const neverDropped: ReadonlySet<string> = new Set(['host', 'content-length', 'authorization', 'expect']);

/**
 * Reads the requests of one client connection, one after the other (RFC 9112). Strict: whatever two readers could understand in two ways is
 * refused, since a request smuggled past the router would be answered to another client.
 */
export class RequestReader {
  #held: Buffer | undefined;
  #body: RequestBody | undefined;
  #left = 0;
  #chunks: ChunkedReader | undefined;
  #emptyLines = 0;

  /** True while a part of a head was read: whoever ends here has not said all. */
  get within(): boolean {
    return this.#held !== undefined;
  }

  /** True when a body was read to its last byte, so that its end is known without another one. */
  get atEnd(): boolean {
    return this.#body?.kind === 'length' && this.#left === 0;
  }

  /** Looks at the next bytes. Call again with `rest` until it wants more. A request ends with `end`, one without a body with its head. */
  next(bytes: Buffer): RequestStep {
    switch (this.#body?.kind) {
      case undefined:
      case 'none':
        return this.#head(bytes);
      case 'length':
        return this.#length(bytes);
      default:
        return this.#chunked(bytes);
    }
  }

  #end(rest: Buffer): RequestStep {
    this.#body = undefined;
    return { kind: 'end', rest };
  }

  #length(bytes: Buffer): RequestStep {
    if (this.#left === 0) return this.#end(bytes);
    if (bytes.length === 0) return more;
    const data = bytes.length > this.#left ? bytes.subarray(0, this.#left) : bytes;
    this.#left -= data.length;
    return { kind: 'data', data, rest: data.length === bytes.length ? nothing : bytes.subarray(data.length) };
  }

  #chunked(bytes: Buffer): RequestStep {
    this.#chunks ??= new ChunkedReader({ strict: true, longestTrailers: longestHead });
    const step = this.#chunks.next(bytes);
    switch (step.kind) {
      case 'more':
      case 'data':
        return step;
      case 'end':
        this.#chunks = undefined;
        return this.#end(step.rest);
      default:
        return refused(400, step.why);
    }
  }

  #head(bytes: Buffer): RequestStep {
    let unread = this.#held === undefined ? bytes : Buffer.concat([this.#held, bytes]);
    this.#held = undefined;
    while (unread.length >= 2 && unread[0] === 13 && unread[1] === 10) {
      this.#emptyLines += 1;
      if (this.#emptyLines > mostEmptyLines) return refused(400, 'empty lines instead of a request');
      unread = unread.subarray(2);
    }
    const end = unread.indexOf('\r\n\r\n');
    if ((end < 0 ? unread.length - 3 : end) > longestHead) return refused(431, `a head longer than ${longestHead} bytes`);
    if (end < 0) {
      if (unread.length > 0) this.#held = unread;
      // Said at once: a head whose lines end otherwise would never end for us.
      return this.#held !== undefined && brokenSoFar(unread) ? refused(400, 'a head with control characters') : more;
    }
    const head = parseHead(unread.toString('latin1', 0, end));
    if ('status' in head) return { kind: 'refused', refusal: head };
    this.#emptyLines = 0;
    this.#body = bodyFollows(head.body) ? head.body : undefined;
    this.#left = head.body.kind === 'length' ? head.body.bytes : 0;
    return { kind: 'head', head, rest: unread.subarray(end + 4) };
  }
}

/** Control characters in a head that is not whole yet; a CR at its end may still be half of a line end. */
function brokenSoFar(bytes: Buffer): boolean {
  const text = bytes.toString('latin1');
  return unprintable.test(text.endsWith('\r') ? text.slice(0, -1) : text);
}

function parseHead(text: string): RequestHead | Refusal {
  if (unprintable.test(text)) return refusal(400, 'a head with control characters');
  const lines = text.split('\r\n');
  const first = requestLine(lines[0] ?? '');
  if ('status' in first) return first;
  const { method, version } = first;
  const fields = fieldsOf(lines);
  if ('status' in fields) return fields;
  const { lengths, codings, options } = fields;
  const host = hostOf(first.authority, fields.hosts, version);
  if (typeof host === 'object') return host;
  const body = bodyOf(lengths, codings, version);
  if ('status' in body) return body;
  const dropped = options.filter((name) => !neverDropped.has(name));
  const upgrade = version === '1.1' && options.includes('upgrade') ? offered(fields.upgrades) : '';
  const expects = version === '1.1' && fields.expect !== undefined;
  return {
    method,
    target: first.target,
    version,
    ...(host === undefined ? {} : { host }),
    headers: withoutNamed(fields.headers, dropped, expects ? fields.expect : undefined),
    body,
    ...(upgrade === '' ? {} : { upgrade }),
    expectsContinue: expects && fields.expect?.toLowerCase() === '100-continue',
    persistent: version === '1.1' ? !options.includes('close') : options.includes('keep-alive') && !options.includes('close'),
  };
}

type Line = { readonly method: string; readonly target: string; readonly version: '1.0' | '1.1'; readonly authority?: string };

function requestLine(line: string): Line | Refusal {
  const [method, target, protocol, ...more] = line.split(' ');
  if (method === undefined || target === undefined || protocol === undefined || more.length > 0 || !token.test(method))
    return refusal(400, 'no request line');
  if (protocol !== 'HTTP/1.1' && protocol !== 'HTTP/1.0') {
    return /^HTTP\/\d\.\d$/.test(protocol) ? refusal(505, 'a version of HTTP that is not 1.0 or 1.1') : refusal(400, 'no request line');
  }
  const version = protocol === 'HTTP/1.1' ? '1.1' : '1.0';
  if (method === 'CONNECT') return refusal(501, 'no tunnels to elsewhere');
  if (!targetForm.test(target)) return refusal(400, 'the request target is no path');
  if (target.startsWith('/') || (target === '*' && method === 'OPTIONS')) return { method, target, version };
  // The form for proxies, which any server has to take; then the host is the one in it (RFC 9112, 3.2.2).
  const absolute = absoluteForm.exec(target);
  const authority = absolute?.[1];
  if (authority === undefined || authority.includes('@')) return refusal(400, 'the request target is no path');
  const path = absolute?.[2] ?? (method === 'OPTIONS' ? '*' : '/');
  return { method, target: path.startsWith('?') ? `/${path}` : path, version, authority };
}

type Fields = {
  readonly headers: string[];
  readonly hosts: string[];
  readonly lengths: string[];
  readonly codings: string[];
  /** What `connection` names, in lower case. */
  readonly options: readonly string[];
  readonly upgrades: string[];
  readonly expect: string | undefined;
};

function fieldsOf(lines: readonly string[]): Fields | Refusal {
  const headers: string[] = [];
  const hosts: string[] = [];
  const lengths: string[] = [];
  const codings: string[] = [];
  const upgrades: string[] = [];
  let connection = '';
  let expect: string | undefined;
  for (let at = 1; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    const colon = line.indexOf(':');
    const name = line.slice(0, colon);
    if (colon <= 0 || !token.test(name)) return refusal(400, 'a header line that is none');
    const value = withoutBlanks(line.slice(colon + 1));
    const lower = name.toLowerCase();
    switch (lower) {
      case 'host':
        hosts.push(value);
        break;
      case 'content-length':
        lengths.push(value);
        break;
      case 'transfer-encoding':
        codings.push(value.toLowerCase());
        break;
      case 'connection':
        connection += `,${value.toLowerCase()}`;
        break;
      case 'upgrade':
        upgrades.push(value);
        break;
      case 'expect':
        expect = value;
        break;
      default:
        if (!isBetweenHops(lower)) headers.push(name, value);
    }
  }
  const options = connection === '' ? [] : connection.split(',').map(withoutBlanks).filter(Boolean);
  return { headers, hosts, lengths, codings, options, upgrades, expect };
}

function hostOf(authority: string | undefined, hosts: readonly string[], version: '1.0' | '1.1'): string | undefined | Refusal {
  if (hosts.length > 1) return refusal(400, 'more than one host header');
  if (hosts.length === 0 && version === '1.1') return refusal(400, 'no host header');
  for (const host of authority === undefined ? hosts : [...hosts, authority]) {
    const port = hostForm.exec(host)?.[1];
    if (!hostForm.test(host) || Number(port ?? 0) > 65_535) return refusal(400, 'a host that is none');
  }
  return authority ?? hosts[0];
}

function bodyOf(lengths: readonly string[], codings: readonly string[], version: '1.0' | '1.1'): RequestBody | Refusal {
  if (codings.length > 0) {
    if (version === '1.0') return refusal(400, 'a transfer-encoding in HTTP/1.0');
    if (lengths.length > 0) return refusal(400, 'both content-length and transfer-encoding');
    if (codings.length === 1 && codings[0] === 'chunked') return { kind: 'chunked' };
    return codings.at(-1)?.endsWith('chunked') === true && codings.length === 1
      ? refusal(501, 'the transfer-encoding is not "chunked"')
      : refusal(400, 'the transfer-encoding is not "chunked"');
  }
  const length = lengths[0];
  if (length === undefined) return { kind: 'none' };
  // Up to fifteen digits, and no others; leading zeros are legal and are not passed on.
  if (lengths.length > 1 || !/^0*\d{1,15}$/.test(length)) return refusal(400, 'a content-length that is none');
  return { kind: 'length', bytes: Number(length) };
}

/** What is offered besides HTTP/2 in clear text, which may be ignored, and is. */
const offered = (upgrades: readonly string[]): string =>
  upgrades
    .join(',')
    .split(',')
    .map(withoutBlanks)
    .filter((protocol) => protocol !== '' && protocol.toLowerCase() !== 'h2c')
    .join(', ');

function withoutNamed(headers: readonly string[], dropped: readonly string[], expect: string | undefined): readonly string[] {
  const kept = dropped.some((name) => name !== 'close' && name !== 'keep-alive' && name !== 'upgrade')
    ? headers.filter((_, at) => !dropped.includes((headers[at - (at % 2)] ?? '').toLowerCase()))
    : headers;
  return expect === undefined ? kept : [...kept, 'expect', expect];
}

const refusal = (status: Refusal['status'], why: string): Refusal => ({ status, why });
const refused = (status: Refusal['status'], why: string): RequestStep => ({ kind: 'refused', refusal: refusal(status, why) });
