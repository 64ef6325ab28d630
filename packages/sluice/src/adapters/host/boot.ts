import { readFileSync, readlinkSync } from 'node:fs';

/** Names the time since this machine started; another one after a restart. Undefined where the system tells none. */
function bootId(): string | undefined {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** Names the world in which a process number means what it means here: this start of the machine, and this container of it. */
export function processWorld(): string {
  const boot = bootId() ?? '';
  try {
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return boot;
  }
}

/** Whether a world that was noted down is this one, another container of this start of the machine, or over since a restart. */
export function isWorld(noted: string): 'here' | 'elsewhere' | 'over' {
  const now = processWorld();
  if (noted === now) return 'here';
  return noted.split(' ')[0] === now.split(' ')[0] ? 'elsewhere' : 'over';
}
