import type { RequestHead } from './request-reader.ts';

/** Between whom a request passes: the address of the client, and that of the router which it reached. */
export type Passage = { readonly client: string; readonly router: string };

/**
 * Writes the head of a request anew for the instance, in HTTP/1.1 and with one framing. What an instance needs and an old client need not
 * say is added: a host.
 */
export function headForInstance(head: RequestHead, { client, router }: Passage): string {
  const { method, headers, body } = head;
  let text = `${method} ${head.target} HTTP/1.1\r\nhost: ${head.host ?? router}\r\n`;
  let forwardedFor = '';
  let forwardedProto = false;
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] ?? '';
    const value = headers[at + 1] ?? '';
    // Only names of these lengths can be one of the two: most lines are passed on without a look.
    const lower = name.length === 15 || name.length === 17 ? name.toLowerCase() : '';
    if (lower === 'x-forwarded-for') {
      forwardedFor += `${value}, `;
      continue;
    }
    if (lower === 'x-forwarded-proto') forwardedProto = true;
    text += `${name}: ${value}\r\n`;
  }
  text += `x-forwarded-for: ${forwardedFor}${client}\r\n`;
  if (!forwardedProto) text += 'x-forwarded-proto: http\r\n';
  text += head.upgrade === undefined ? 'connection: keep-alive\r\n' : `connection: upgrade\r\nupgrade: ${head.upgrade}\r\n`;
  switch (body.kind) {
    case 'chunked':
      return `${text}transfer-encoding: chunked\r\n\r\n`;
    case 'length':
      return `${text}content-length: ${body.bytes}\r\n\r\n`;
    case 'none':
      // A method that usually has a body says that this one has none; others need not.
      return `${text}${method === 'POST' || method === 'PUT' || method === 'PATCH' ? 'content-length: 0\r\n' : ''}\r\n`;
  }
}
