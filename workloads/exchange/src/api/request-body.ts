import type { IncomingMessage } from 'node:http';

/** How reading a request's body ended. */
export type Body =
  | { readonly kind: 'read'; readonly text: string }
  | { readonly kind: 'too-large'; readonly message: string }
  | { readonly kind: 'aborted' };

const MAX_BODY = 4096; // an order is about 150 bytes

/** Reads a body to its end; an oversized one is read and thrown away, so that its connection stays usable for the answer. */
export async function readBody(request: IncomingMessage): Promise<Body> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size <= MAX_BODY) chunks.push(chunk);
    }
  } catch {
    return { kind: 'aborted' };
  }
  if (size > MAX_BODY) return { kind: 'too-large', message: `the body has ${size} bytes; an order has at most ${MAX_BODY}` };
  return { kind: 'read', text: Buffer.concat(chunks).toString('utf8') };
}
