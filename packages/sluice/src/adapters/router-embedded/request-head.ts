import type { IncomingMessage } from 'node:http';
import { isBetweenHops } from './answer-reader.ts';

/** How the body of a request is framed towards the instance. */
export type RequestBody = { readonly kind: 'none' } | { readonly kind: 'length' } | { readonly kind: 'chunked' };

/** A request as it goes to the instance, or why it is not passed on. */
export type RequestHead =
  | { readonly kind: 'head'; readonly text: string; readonly body: RequestBody }
  | { readonly kind: 'refused'; readonly status: 400 | 501; readonly why: string };

/**
 * Writes the head of a request anew for the instance. Node's strict parser has already refused what has two lengths or a broken line;
 * here everything else is refused that two parsers could read differently, since a request smuggled past the router would be answered
 * to another client.
 */
export function requestHead(req: IncomingMessage, how: { readonly upgrade: boolean }): RequestHead {
  const raw = req.rawHeaders;
  const target = req.url ?? '';
  if (!target.startsWith('/') && target !== '*') return { kind: 'refused', status: 400, why: 'the request target is no path' };
  const coding = req.headers['transfer-encoding'];
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') {
    return { kind: 'refused', status: 501, why: 'the transfer-encoding is not "chunked"' };
  }
  const named = req.headers.connection;
  const dropped = named === undefined || named.length <= 10 ? undefined : namedHeaders(named);
  let text = `${req.method ?? 'GET'} ${target} HTTP/1.1\r\n`;
  let hosts = 0;
  let length: string | undefined;
  let forwardedFor = '';
  let forwardedProto = false;
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] ?? '';
    const value = raw[at + 1] ?? '';
    const lower = name.toLowerCase();
    switch (lower) {
      case 'host':
        hosts += 1;
        text += `${name}: ${value}\r\n`;
        break;
      case 'content-length':
        length = value;
        break;
      case 'x-forwarded-for':
        forwardedFor += `${value}, `;
        break;
      case 'x-forwarded-proto':
        forwardedProto = true;
        text += `${name}: ${value}\r\n`;
        break;
      default:
        if (!isBetweenHops(lower) && dropped?.has(lower) !== true) text += `${name}: ${value}\r\n`;
    }
  }
  if (hosts > 1) return { kind: 'refused', status: 400, why: 'more than one host header' };
  text += `x-forwarded-for: ${forwardedFor}${req.socket.remoteAddress ?? 'unknown'}\r\n`;
  if (!forwardedProto) text += 'x-forwarded-proto: http\r\n';
  if (how.upgrade)
    return { kind: 'head', text: `${text}connection: upgrade\r\nupgrade: ${req.headers.upgrade ?? ''}\r\n\r\n`, body: { kind: 'none' } };
  text += 'connection: keep-alive\r\n';
  if (coding !== undefined) return { kind: 'head', text: `${text}transfer-encoding: chunked\r\n\r\n`, body: { kind: 'chunked' } };
  if (length === undefined) {
    // A method that usually has a body says that this one has none; others need not.
    const method = req.method;
    const zero = method === 'POST' || method === 'PUT' || method === 'PATCH' ? 'content-length: 0\r\n' : '';
    return { kind: 'head', text: `${text}${zero}\r\n`, body: { kind: 'none' } };
  }
  return { kind: 'head', text: `${text}content-length: ${length}\r\n\r\n`, body: { kind: Number(length) > 0 ? 'length' : 'none' } };
}

/** The headers that `connection` names, which end at this hop. What says whose request it is never does. */
function namedHeaders(connection: string): ReadonlySet<string> {
  const named = new Set(connection.split(',').map((name) => name.trim().toLowerCase()));
  for (const name of ['host', 'content-length', 'authorization', 'expect']) named.delete(name);
  return named;
}
