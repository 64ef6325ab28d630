import { cpus, loadavg, release, totalmem } from 'node:os';

/** Where figures were seen: without it they mean nothing. */
export const machine = {
  cpu: cpus()[0]?.model ?? 'unknown processor',
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  kernel: release(),
  node: process.version,
} as const;

/** Above this many processes that want to run, somebody else is at work and absolute figures are his as well. */
export const busyLoad = 1;

/** Load averages over one, five and fifteen minutes. */
export function load(): { readonly one: number; readonly five: number; readonly fifteen: number } {
  const [one = 0, five = 0, fifteen = 0] = loadavg();
  return { one, five, fifteen };
}
