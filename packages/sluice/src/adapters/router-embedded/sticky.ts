import { hash } from 'node:crypto';
import { type Routing, type Slot, stickyPlace, type StickyKey } from '#rollout';
import type { RequestHead } from './request-reader.ts';

/** Longer ones are cut: a key is a name, not a document. */
const longestKey = 512;

/** The slot that the key of a request is bound to; undefined when the request names none. */
export function stickyTurn(routing: Routing, sticky: StickyKey, head: RequestHead): Slot | undefined {
  const key = keyOf(sticky, head);
  if (key === undefined || key === '') return undefined;
  return stickyPlace(routing, (salt) => hash('sha256', `${salt}\0${key.slice(0, longestKey)}`, 'buffer').readUInt32BE() / 2 ** 32);
}

function keyOf({ from, name }: StickyKey, { headers, target }: RequestHead): string | undefined {
  switch (from) {
    case 'header':
      return headerOf(headers, name.toLowerCase());
    case 'cookie': {
      const cookies = headerOf(headers, 'cookie')?.split(';') ?? [];
      const found = cookies.map((one) => one.trim()).find((one) => one.startsWith(`${name}=`));
      return found?.slice(name.length + 1);
    }
    case 'query': {
      const at = target.indexOf('?');
      return at < 0 ? undefined : (new URLSearchParams(target.slice(at + 1)).get(name) ?? undefined);
    }
  }
}

function headerOf(headers: readonly string[], lower: string): string | undefined {
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] ?? '';
    if (name.length === lower.length && name.toLowerCase() === lower) return headers[at + 1];
  }
  return undefined;
}
