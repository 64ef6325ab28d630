import { readFileSync } from 'node:fs';

/**
 * A process that cannot be mistaken for another: process ids are used again, but never with the same start time.
 * `startTicks` is field 22 of /proc/<pid>/stat, clock ticks since boot; 0 where the system has no /proc.
 */
export type ProcessIdentity = { readonly pid: number; readonly startTicks: number };

/** Who runs under `pid` now, or undefined when nobody does. A zombie runs no more. */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  const stat = readStat(pid);
  if (stat === undefined) return undefined;
  if (stat === 'no-proc') return signalReaches(pid) ? { pid, startTicks: 0 } : undefined;
  return stat.state === 'Z' || stat.state === 'X' ? undefined : { pid, startTicks: stat.startTicks };
}

/** The identity of a child that was not waited for yet: known even when it has ended, because its entry is still there. */
export function identifyOwnChild(pid: number): ProcessIdentity | undefined {
  const stat = readStat(pid);
  if (stat === undefined) return undefined;
  return { pid, startTicks: stat === 'no-proc' ? 0 : stat.startTicks };
}

/** Whether exactly that process still runs. */
export function isRunning(identity: ProcessIdentity): boolean {
  const now = identifyProcess(identity.pid);
  return now !== undefined && now.startTicks === identity.startTicks;
}

/** Sends a signal to exactly that process; false when it is gone. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isRunning(identity)) return false;
  try {
    process.kill(identity.pid, signal);
    return true;
  } catch {
    return false;
  }
}

type Stat = { readonly state: string; readonly startTicks: number };

function readStat(pid: number): Stat | 'no-proc' | undefined {
  if (process.platform !== 'linux') return 'no-proc';
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // The command name, in parentheses, may itself hold spaces and parentheses: everything after the last one is fixed.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? 'X', startTicks: Number(fields[19]) };
}

function signalReaches(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
