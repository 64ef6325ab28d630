import { readFileSync } from 'node:fs';

/** Names the time since this machine started; another one after a restart. Undefined where the system tells none. */
export function bootId(): string | undefined {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return undefined;
  }
}
