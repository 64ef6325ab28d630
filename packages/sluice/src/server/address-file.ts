import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { SluiceError } from '#kernel';
import type { ControlAddress } from './client.ts';

/** What `serve` leaves in its state folder, readable by its owner alone. */
export const addressFile = 'serve.json';

const content = z.object({ url: z.url(), token: z.string().min(16), plane: z.string().min(1), pid: z.number().int().positive() });

/** Where the control plane of a state folder answers; refused in one line when none was started there. */
export async function readAddress(stateFolder: string): Promise<ControlAddress> {
  let text: string;
  try {
    text = await readFile(join(stateFolder, addressFile), 'utf8');
  } catch (cause) {
    throw new SluiceError('unavailable', `no control plane was started for ${stateFolder}`, {
      hint: 'sluice serve starts one; sluice revert works without it',
      cause,
    });
  }
  const parsed = content.safeParse(parse(text));
  if (!parsed.success)
    throw new SluiceError('unavailable', `${join(stateFolder, addressFile)} is damaged`, { hint: 'start sluice serve again' });
  const { url, token, plane } = parsed.data;
  return { url, token, plane };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** The address of a control plane elsewhere, as `serve` prints it: `http://host:port#<plane>`. The part behind the sign names who may read what is signed. */
export function parseAddress(text: string): { readonly url: string; readonly plane: string } {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const plane = url?.hash.slice(1) ?? '';
  if (url === undefined || !/^https?:$/.test(url.protocol) || !/^sha256:[0-9a-f]{64}$/.test(plane))
    throw new SluiceError('usage', `SLUICE_URL is not the address of a control plane: ${JSON.stringify(text)}`, {
      hint: 'take it as sluice serve prints it: http://host:port#sha256:…',
    });
  return { url: url.origin, plane };
}
