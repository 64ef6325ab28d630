import type { AnswerHead } from './answer-reader.ts';

/** How the body of an answer is framed towards the client. */
export type ClientFraming = 'none' | 'length' | 'chunked' | 'close';

/** The head of an answer as the client gets it, how its body follows, and whether the connection ends with it. */
export type AnswerForClient = { readonly text: string; readonly framing: ClientFraming; readonly closes: boolean };

/** What of a request decides how it is answered. */
export type Asked = { readonly version: '1.0' | '1.1'; readonly persistent: boolean };

/** How long, in seconds, a kept connection may rest: longer than the pools of common clients keep their side, so that they close first and no request meets a closing connection. */
export const keptSeconds = 75;

/** Writes the head of an answer anew for the client: HTTP/1.0 knows no chunks, so there the end of the connection is the end of the body. */
export function answerForClient(
  answer: AnswerHead,
  asked: Asked,
  how: { readonly close: boolean; readonly date: () => string },
): AnswerForClient {
  const framing = answer.framing === 'none' || answer.framing === 'length' ? answer.framing : asked.version === '1.1' ? 'chunked' : 'close';
  const closes = how.close || !asked.persistent || framing === 'close';
  const { headers } = answer;
  let text = `HTTP/1.1 ${answer.status} ${answer.reason}\r\n`;
  let dated = false;
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] ?? '';
    if (name.length === 4 && name.toLowerCase() === 'date') dated = true;
    text += `${name}: ${headers[at + 1]}\r\n`;
  }
  if (!dated) text += `date: ${how.date()}\r\n`;
  if (framing === 'chunked') text += 'transfer-encoding: chunked\r\n';
  text += closes ? 'connection: close\r\n\r\n' : `connection: keep-alive\r\nkeep-alive: timeout=${keptSeconds}\r\n\r\n`;
  return { text, framing, closes };
}

/** What the router answers by itself, said so in a header and in JSON. */
export type OwnAnswer = { readonly status: keyof typeof reasons; readonly code: string; readonly message: string };

const reasons = {
  400: 'Bad Request',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  505: 'HTTP Version Not Supported',
} as const;

/** An answer of the router's own, as if an instance had given it. */
export function ownAnswer({ status, code, message }: OwnAnswer): { readonly head: AnswerHead; readonly body: Buffer } {
  const body = Buffer.from(`${JSON.stringify({ error: { code, message, from: 'sluice-router' } })}\n`);
  const headers = ['content-type', 'application/json', 'content-length', String(body.length), 'x-sluice-router', code];
  return { head: { status, reason: reasons[status], headers, framing: 'length' }, body };
}
