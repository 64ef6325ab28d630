import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { Clock } from '#kernel';
import { identifyProcess, isRunning, signalProcess, type ProcessIdentity } from '#host';

/** A process and whatever it started: known by the session it leads, and by the token in the environment that every child inherits. */
export type Family = { readonly leader?: ProcessIdentity; readonly token: string };

/** The variable whose value is different for every start of every instance. */
export const markVariable = 'SLUICE_CONTROL_TOKEN';

/** Every running process of a family: children that left the group or the session are found by their token. */
export function familyMembers(family: Family): readonly ProcessIdentity[] {
  if (process.platform !== 'linux') return family.leader !== undefined && isRunning(family.leader) ? [family.leader] : [];
  const mark = Buffer.from(`${markVariable}=${family.token}`);
  const session = ledSession(family.leader);
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && (carries(pid, mark) || (session !== undefined && sessionOf(pid) === session)))
    .flatMap((pid) => identifyProcess(pid) ?? []);
}

/** The values of variables in the environment that a family was started with; those that nobody of it has are left out. */
export function valuesOf(family: Family, names: readonly string[]): readonly string[] {
  const environments = names.length === 0 ? [] : familyMembers(family).map(({ pid }) => environmentOf(pid));
  return names.flatMap((name) => environments.map((environment) => environment.get(name)).find((value) => value !== undefined) ?? []);
}

function environmentOf(pid: number): ReadonlyMap<string, string> {
  try {
    const lines = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    return new Map(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
  } catch {
    return new Map();
  }
}

/** Whether a process lives in the same world of processes as we: the walls around a confined one do, and it does not. */
export const isOutside = ({ pid }: ProcessIdentity): boolean => linkOf(`/proc/${pid}/ns/pid`) === linkOf('/proc/self/ns/pid');

/** Kills a family until none is left; answers with the process ids that would not die. */
export async function killFamily(family: Family, clock: Clock): Promise<readonly number[]> {
  const deadline = clock.monotonic() + 5_000; // SIGKILL takes milliseconds; what is left later hangs in the kernel
  for (;;) {
    const members = familyMembers(family);
    if (members.length === 0) return [];
    if (clock.monotonic() > deadline) return members.map((member) => member.pid);
    for (const member of members) signalProcess(member, 'SIGKILL');
    await clock.sleep(5);
  }
}

/** Whether a process of the family listens on a TCP port; undefined where the system cannot tell. */
export function listensOn(family: Family, port: number): boolean | undefined {
  if (process.platform !== 'linux' || listeningInodes(port).size === 0) return undefined;
  return listenersOf(family, port).length > 0;
}

/** The processes of a family that listen on a TCP port. */
export function listenersOf(family: Family, port: number): readonly ProcessIdentity[] {
  const inodes = listeningInodes(port);
  return familyMembers(family).filter((member) => socketsOf(member.pid).some((inode) => inodes.has(inode)));
}

/** The session's number, unless the leader is gone and its number belongs to a stranger now. */
function ledSession(leader: ProcessIdentity | undefined): number | undefined {
  if (leader === undefined) return undefined;
  const now = identifyProcess(leader.pid);
  return now === undefined || now.startTicks === leader.startTicks ? leader.pid : undefined;
}

function carries(pid: number, mark: Buffer): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`).includes(mark);
  } catch {
    return false; // gone meanwhile, or another user's
  }
}

function sessionOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3]);
  } catch {
    return undefined;
  }
}

function listeningInodes(port: number): ReadonlySet<string> {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  const inodes = new Set<string>();
  for (const table of ['tcp', 'tcp6']) {
    for (const line of readTable(table)) {
      const columns = line.trim().split(/\s+/);
      const inode = columns[9];
      if (columns[1]?.endsWith(`:${wanted}`) === true && columns[3] === '0A' && inode !== undefined) inodes.add(inode);
    }
  }
  return inodes;
}

function readTable(table: string): readonly string[] {
  try {
    return readFileSync(`/proc/net/${table}`, 'latin1').split('\n');
  } catch {
    return [];
  }
}

function socketsOf(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1];
      return inode === undefined ? [] : [inode];
    });
  } catch {
    return [];
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
