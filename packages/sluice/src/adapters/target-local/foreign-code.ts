import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** What belongs to the machine: its own libraries are as trusted as its kernel. */
const system = ['/usr/', '/lib/', '/lib32/', '/lib64/', '/libx32/', '/bin/', '/sbin/', '/nix/store/', '/gnu/store/', '/proc/', '/sys/'];
/** Compilers that work while a program runs put their results into memory that has a name like a file. */
const memory = /^\/(?:memfd:|dev\/zero|SYSV|anon_hugepage|\[)/;
const code = /\.(?:[cm]?js|node|py[co]?|jar|war|so(?:\.[\d.]+)?|dll|wasm|rb|pl|php|phar|beam|class)$/;
/** So many are enough to see what is wrong. */
const MOST = 5;

/**
 * Code that processes took from outside of what has a digest: files mapped to be executed, and open files that are code by their name, that lie neither in the artifact,
 * nor with the approved programs, nor in the system. Files that were read and closed leave no trace; that nothing of the kind is in reach is seen to before the start.
 */
export function foreignCode(
  pids: readonly number[],
  allowed: { readonly tree: string; readonly programs: readonly string[] },
): readonly string[] {
  const homes = [`${allowed.tree}/`, ...allowed.programs.flatMap(runtimeFolders), ...system];
  const found = new Set<string>();
  for (const pid of pids)
    for (const path of [...executedBy(pid), ...openedBy(pid).filter((each) => code.test(each))])
      if (!memory.test(path) && !allowed.programs.includes(path) && !homes.some((home) => path.startsWith(home))) found.add(path);
  return [...found].slice(0, MOST);
}

/** Where a runtime that is not the system's keeps its own libraries: beside its `bin`. */
const runtimeFolders = (program: string): readonly string[] =>
  ['lib', 'lib64', 'jre', 'jmods'].map((name) => `${join(dirname(dirname(program)), name)}/`);

function executedBy(pid: number): readonly string[] {
  const maps = attempted(() => readFileSync(`/proc/${pid}/maps`, 'utf8')) ?? '';
  return maps.split('\n').flatMap((line) => {
    const [, path] = /^[0-9a-f]+-[0-9a-f]+ ..x. \S+ \S+ [1-9]\d*\s+(\/.*)$/.exec(line) ?? [];
    return path === undefined ? [] : [path.replace(/ \(deleted\)$/, '')];
  });
}

function openedBy(pid: number): readonly string[] {
  return (attempted(() => readdirSync(`/proc/${pid}/fd`)) ?? []).flatMap((name) => {
    const path = attempted(() => readlinkSync(`/proc/${pid}/fd/${name}`));
    return path?.startsWith('/') === true ? [path.replace(/ \(deleted\)$/, '')] : [];
  });
}

function attempted<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
