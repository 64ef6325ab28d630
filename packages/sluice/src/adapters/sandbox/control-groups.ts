import { accessSync, constants, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { release } from 'node:os';
import { dirname, join } from 'node:path';
import { isRunning } from '#host';
import type { ResourceLimits } from '#kernel';

/** What enforces limits on this machine, as words for the scripts. */
export type Limiter = {
  readonly enforces: readonly (keyof ResourceLimits)[];
  /** For the supervisor: control groups to make, and what to write into them. */
  outside(limits: ResourceLimits): readonly string[];
  /** A command to put in front of the first process inside. */
  inside(limits: ResourceLimits): readonly string[];
};

/** Where nothing does. */
export const noLimiter: Limiter = { enforces: [], outside: () => [], inside: () => [] };

/** The processes of ours in a group: who builds the walls, and the first one inside, with what they start on the way. */
const ourProcesses = 4;

/** Where groups may be made. Version 2 has one tree for everything, version 1 one for each controller. */
type Place = { readonly folder: string; readonly version: 1 | 2; readonly controllers: readonly Controller[] };

type Controller = 'memory' | 'pids';

/** What this machine can enforce for who runs this; groups that a killed supervisor left are removed on the way. */
export function findLimiter(): Limiter {
  const places = groupPlaces();
  for (const { folder } of places) removeAbandoned(folder);
  const has = (controller: Controller): boolean => places.some(({ controllers }) => controllers.includes(controller));
  const byUser = !has('pids') && countsByNamespace();
  return {
    enforces: [...(has('memory') ? (['memoryBytes'] as const) : []), ...(has('pids') || byUser ? (['processes'] as const) : [])],
    outside: (limits) => places.flatMap((place) => groupWords(place, limits)),
    inside: ({ processes }) =>
      processes === undefined || !byUser ? [] : ['prlimit', `--nproc=${processes + ourProcesses}:${processes + ourProcesses}`],
  };
}

function groupWords({ folder, version, controllers }: Place, { memoryBytes, processes }: ResourceLimits): readonly string[] {
  const words: string[] = [];
  if (controllers.includes('memory') && memoryBytes !== undefined) {
    const bytes = String(memoryBytes);
    // Without swap: a limit that can be passed by swapping bounds nothing. Where swap is not counted there is nothing to write.
    if (version === 2) words.push('set', 'memory.max', bytes, 'try', 'memory.swap.max', '0', 'try', 'memory.oom.group', '1');
    else words.push('set', 'memory.limit_in_bytes', bytes, 'try', 'memory.memsw.limit_in_bytes', bytes);
  }
  if (controllers.includes('pids') && processes !== undefined) words.push('set', 'pids.max', String(processes + ourProcesses));
  return words.length === 0 ? [] : ['cgroup', folder, ...words];
}

/**
 * From Linux 5.14 on processes are counted for each user namespace, so that a limit counts those inside alone. Before that, and for root, whom it does not bind, it would be no limit,
 * or one that other programs of the same user run into.
 */
function countsByNamespace(): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  return process.getuid?.() !== 0 && (major > 5 || (major === 5 && minor >= 14));
}

function groupPlaces(): readonly Place[] {
  const own = new Map(read('/proc/self/cgroup').split('\n').flatMap(membership));
  const mounts = read('/proc/self/mountinfo').split('\n').flatMap(groupMount);
  const unified = mounts.find(({ type }) => type === 'cgroup2');
  const controllers = (['memory', 'pids'] as const).filter((each) => !own.has(each));
  const v2 = unified === undefined || controllers.length === 0 ? [] : unifiedPlace(unified.folder, own.get('') ?? '/', controllers);
  const v1 = (['memory', 'pids'] as const).flatMap((controller): readonly Place[] => {
    const mount = mounts.find(({ type, options }) => type === 'cgroup' && options.includes(controller));
    const folder = mount === undefined ? undefined : [join(mount.folder, own.get(controller) ?? '/'), mount.folder].find(canMakeGroups);
    return folder === undefined ? [] : [{ folder, version: 1, controllers: [controller] }];
  });
  return [...v2, ...v1];
}

/** Our own group, or the one around it: a group that has processes may have no groups with controllers below it. */
function unifiedPlace(mount: string, own: string, controllers: readonly Controller[]): readonly Place[] {
  const group = join(mount, own);
  for (const folder of group === mount ? [group] : [group, dirname(group)]) {
    const given = controllers.filter((each) => read(join(folder, 'cgroup.subtree_control')).split(/\s/).includes(each));
    if (given.length > 0 && canMakeGroups(folder)) return [{ folder, version: 2, controllers: given }];
  }
  return [];
}

/** `4:memory:/path`, and `0::/path` for version 2. */
function membership(line: string): readonly (readonly [string, string])[] {
  const found = /^\d+:(?<names>[^:]*):(?<path>\/.*)$/.exec(line)?.groups;
  return found === undefined ? [] : (found['names'] ?? '').split(',').map((name) => [name, found['path'] ?? '/'] as const);
}

type GroupMount = { readonly folder: string; readonly type: 'cgroup' | 'cgroup2'; readonly options: readonly string[] };

function groupMount(line: string): readonly GroupMount[] {
  const [before = '', after = ''] = line.split(' - ');
  const [type, , options = ''] = after.split(' ');
  const folder = before.split(' ')[4];
  // A path that needs quoting is nothing that a system makes.
  return folder !== undefined && !folder.includes('\\') && (type === 'cgroup' || type === 'cgroup2')
    ? [{ folder, type, options: options.split(',') }]
    : [];
}

/** By doing it. */
function canMakeGroups(folder: string): boolean {
  if (/[\s\\]/.test(folder)) return false;
  const trial = join(folder, `sluice-${process.pid}-trial`);
  try {
    accessSync(join(folder, 'cgroup.procs'), constants.W_OK);
    mkdirSync(trial);
    rmdirSync(trial);
    return true;
  } catch {
    return false;
  }
}

/** Removes groups whose supervisor was killed. The kernel refuses to remove one in which something still runs. */
function removeAbandoned(folder: string): void {
  for (const name of readdirSync(folder)) {
    const owner = /^sluice-(?<pid>\d+)-(?<startTicks>\d+|trial)$/.exec(name)?.groups;
    if (owner === undefined || isRunning({ pid: Number(owner['pid']), startTicks: Number(owner['startTicks']) })) continue;
    try {
      rmdirSync(join(folder, name));
    } catch {
      // Something runs in it, or another process was faster.
    }
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
