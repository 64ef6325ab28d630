import { relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SluiceError } from '#kernel';
import type { ConfigPlace } from './config-place.ts';

/** What a configuration threw when it was read, as one line with the place in the project it came from. */
export function configFailure(thrown: unknown, { folder, configFile }: ConfigPlace): SluiceError {
  const message = refusal(thrown) ?? oneLine(messageOf(thrown));
  const where = placeOf(thrown, folder) ?? configFile;
  const hint = thrown instanceof SluiceError ? thrown.hint : undefined;
  return new SluiceError('config', `${where}: ${message}`, { cause: thrown, ...(hint === undefined ? {} : { hint }) });
}

/** The first line of the stack that is in the project, and not in a package it uses: `sluice.config.ts:12:5`. */
function placeOf(thrown: unknown, folder: string): string | undefined {
  if (!(thrown instanceof Error) || typeof thrown.stack !== 'string') return undefined;
  // A message may hold paths of its own; syntax errors put their place above it.
  for (const line of thrown.stack.replace(thrown.message, '').split('\n')) {
    const found = /(?<file>(?:file:\/\/)?\/[^\s()]*?)(?:\?[^\s():]*)?:(?<line>\d+)(?::(?<column>\d+))?\)?\s*$/.exec(line)?.groups;
    if (found === undefined) continue;
    const file = pathOf(found['file'] ?? '');
    const inside = relative(folder, file);
    if (inside === '' || inside.startsWith('..') || inside.split(sep).includes('node_modules')) continue;
    return `${inside}:${found['line']}${found['column'] === undefined ? '' : `:${found['column']}`}`;
  }
  return undefined;
}

function pathOf(file: string): string {
  if (!file.startsWith('file://')) return file;
  try {
    return fileURLToPath(file);
  } catch {
    return file;
  }
}

function messageOf(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message === '' ? thrown.name : thrown.message;
  return typeof thrown === 'string' ? thrown : `it throws ${thrown === null ? 'null' : typeof thrown}`;
}

/** What Node's permissions refused, in the words of somebody who does not know that there are any. */
function refusal(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || (thrown as NodeJS.ErrnoException).code !== 'ERR_ACCESS_DENIED') return undefined;
  const { permission, resource } = thrown as { readonly permission?: unknown; readonly resource?: unknown };
  const what = typeof resource === 'string' && resource !== '' ? resource : 'anything';
  if (permission === 'FileSystemRead') return `must not read ${what}, which is outside of the project`;
  if (permission === 'FileSystemWrite') return `must not write ${what}: a configuration is data`;
  if (permission === 'ChildProcess') return 'must not start programs: a configuration is data';
  return `must not use ${String(permission)}: a configuration is data`;
}

const oneLine = (text: string): string => (text.split('\n').find((line) => line.trim() !== '') ?? 'it throws').trim().slice(0, 500);
