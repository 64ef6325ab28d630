import { closeSync, readdirSync, readFileSync } from 'node:fs';

/** `O_CLOEXEC` in the flags that /proc tells: everything that Node or we open has it. */
const closedOnExec = 0o2_000_000;

/**
 * Closes the files that whoever called us left open above the three usual ones. Node marks only the lowest of them as not to be handed on;
 * any other would reach every job and every instance that we start.
 */
export function closeInheritedFiles(): void {
  if (process.platform !== 'linux') return;
  for (const name of readdirSync('/proc/self/fd')) {
    const fd = Number(name);
    if (fd < 3) continue;
    try {
      const flags = /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1];
      if (flags !== undefined && (Number.parseInt(flags, 8) & closedOnExec) === 0) closeSync(fd);
    } catch {
      // The folder's own descriptor, which is closed by now.
    }
  }
}
