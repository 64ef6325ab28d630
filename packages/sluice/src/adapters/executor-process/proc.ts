import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { taskVariable } from './project-state.ts';

/** What /proc tells of a process at one moment. */
export type ProcEntry = {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  readonly startTicks: number;
};

/** All process ids of this machine; none where there is no /proc. */
export function listPids(): readonly number[] {
  if (process.platform !== 'linux') return [];
  const pids: number[] = [];
  for (const name of readdirSync('/proc')) {
    const first = name.charCodeAt(0);
    if (first >= 48 && first <= 57) pids.push(Number(name));
  }
  return pids;
}

/**
 * The process id given out last, where the system tells it: with it a look at the whole machine is a look at the ids that came since.
 * Undefined where that file is an imitation (lxcfs), which may be seconds old.
 */
export function lastPid(): number | undefined {
  if (imitated === undefined) {
    try {
      imitated = readFileSync('/proc/self/mountinfo', 'latin1').includes(' /proc/loadavg ');
    } catch {
      imitated = true;
    }
  }
  if (imitated) return undefined;
  const text = readFileSync('/proc/loadavg', 'latin1');
  const last = Number(text.slice(text.lastIndexOf(' ') + 1));
  return Number.isInteger(last) ? last : undefined;
}

let imitated: boolean | undefined;

/** Whether the id is a process's own, and not one of its threads'. */
export function isProcess(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/status`, 'latin1').includes(`\nTgid:\t${pid}\n`);
  } catch {
    return false;
  }
}

/** A process that runs; undefined when it is gone or a zombie. */
export function readProc(pid: number): ProcEntry | undefined {
  const fields = readStat(pid);
  if (fields === undefined || fields[0] === 'Z' || fields[0] === 'X') return undefined;
  const [parent = 0, group = 0, session = 0] = fields.slice(1, 4).map(Number);
  return { pid, parent, group, session, startTicks: Number(fields[19]) };
}

/** When the process started that has the id now, a zombie too, which keeps its id; 0 where there is no /proc. */
export function startOf(pid: number): number | undefined {
  if (process.platform !== 'linux') return 0;
  const fields = readStat(pid);
  return fields === undefined ? undefined : Number(fields[19]);
}

function readStat(pid: number): readonly string[] | undefined {
  const path = `/proc/${pid}/stat`;
  // Most of those that are looked at are gone, and a thrown error costs three times as much as this question.
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
  let text: string;
  try {
    text = readFileSync(path, 'latin1');
  } catch (error) {
    // Who cannot be looked at is not gone: without a descriptor left, the look has to be repeated.
    if (isShortage(error)) throw error;
    return undefined;
  }
  // The command name, in parentheses, may hold anything: what follows the last one is fixed.
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

/** Whether a look failed because nobody may open anything at the moment. */
export const isShortage = (error: unknown): boolean =>
  error instanceof Error && ['EMFILE', 'ENFILE', 'ENOMEM'].includes(String((error as NodeJS.ErrnoException).code));

/** The task a process was started for, as its environment at its start tells. */
export function taskOf(pid: number): string | undefined {
  let environment: string;
  try {
    environment = readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    return undefined;
  }
  const at = environment.startsWith(`${taskVariable}=`) ? 0 : environment.indexOf(`\0${taskVariable}=`);
  if (at === -1) return undefined;
  const from = environment.indexOf('=', at) + 1;
  const end = environment.indexOf('\0', from);
  return environment.slice(from, end === -1 ? undefined : end);
}

/** The processes that a process started and that still have it as their parent. */
export function childrenOf(pid: number): readonly number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1')
      .split(' ')
      .filter((word) => word !== '')
      .map(Number);
  } catch {
    return [];
  }
}

/** This process and those that started it: none of them is ever a job's. */
export function ownAncestors(): ReadonlySet<number> {
  const pids = new Set([1]);
  for (let own = readProc(process.pid); own !== undefined; own = readProc(own.parent)) pids.add(own.pid);
  return pids;
}

/** How many process ids there are before they are used again; undefined where the system does not tell. */
export function pidMaximum(): number | undefined {
  try {
    return Number(readFileSync('/proc/sys/kernel/pid_max', 'latin1'));
  } catch {
    return undefined;
  }
}

/** Whether a process may write to one of the files: a person who only reads a log is nobody's child. */
export function writesTo(pid: number, wanted: (file: string) => boolean): string | undefined {
  let descriptors: readonly string[];
  try {
    descriptors = readdirSync(`/proc/${pid}/fd`);
  } catch {
    return undefined; // gone, or another user's
  }
  for (const fd of descriptors) {
    try {
      const file = readlinkSync(`/proc/${pid}/fd/${fd}`);
      if (wanted(file) && isWritable(pid, fd)) return file;
    } catch {
      // Closed meanwhile.
    }
  }
  return undefined;
}

const accessMode = 0o3;

function isWritable(pid: number, fd: string): boolean {
  const flags = /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'latin1'))?.[1] ?? '0';
  return (Number.parseInt(flags, 8) & accessMode) !== 0;
}
