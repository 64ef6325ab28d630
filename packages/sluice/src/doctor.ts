import { execFile } from 'node:child_process';
import { access, constants, stat, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { homedir, userInfo } from 'node:os';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import type { Doctor, Finding } from '#cli';
import { identifyProcess, socketPath } from '#host';
import type { Sandbox } from '#kernel';
import { startTemporaryPostgres } from '#postgres-server';
import { openSandbox, proveSandbox } from '#sandbox';
import { tryService } from './service-doctor.ts';

const execute = promisify(execFile);

/** What the doctor is told by its surroundings. */
export type DoctorWorld = { readonly stateFolder: string; readonly env: Readonly<Record<string, string | undefined>> };

/** Below this a journal or an archive may not fit any more; below the tenth of it nothing starts. */
const littleDisk = 1024 ** 3;

/** Looks at this machine by doing in small what Sluice does on it. */
export const localDoctor = (world: DoctorWorld): Doctor => ({
  machine: async () =>
    Promise.all([
      Promise.resolve(nodeVersion()),
      git(),
      postgres(world.env['DATABASE_URL']),
      userNamespaces(),
      Promise.resolve(processTable()),
      controlGroups(),
      disk(world.stateFolder),
      privateState(world.stateFolder),
      Promise.resolve(sockets(world.stateFolder)),
      ports(),
      isolation(world.env['PATH'] ?? '/usr/bin:/bin'),
    ]),
  service: async (trial) => tryService(world.stateFolder, trial),
});

const nodeVersion = (): Finding => ({ about: 'node', state: 'pass', says: `${process.versions.node} at ${process.execPath}` });

async function git(): Promise<Finding> {
  const about = 'git';
  try {
    const { stdout } = await execute('git', ['--version'], { timeout: 10_000 });
    return { about, state: 'pass', says: stdout.trim().replace(/^git version /, '') };
  } catch {
    return { about, state: 'fail', says: 'there is no git: sluice run works, but a deployment begins with a commit', hint: 'install git' };
  }
}

/** Started for real, in a folder that goes again: nothing else shows that it can. */
async function postgres(url: string | undefined): Promise<Finding> {
  const about = 'database';
  if (url !== undefined && url !== '')
    return { about, state: 'pass', says: 'the one that DATABASE_URL names (sluice serve says whether it answers)' };
  const server = await startTemporaryPostgres();
  if (server.ok) {
    await server.value.stop();
    return {
      about,
      state: 'pass',
      says: `embedded PostgreSQL starts here${process.getuid?.() === 0 ? ', as a user that is not root' : ''}`,
    };
  }
  const { message, hint } = server.error;
  return {
    about,
    state: 'warn',
    says: `${message}; sluice run works without, sluice serve does not`,
    ...(hint === undefined ? {} : { hint }),
  };
}

async function userNamespaces(): Promise<Finding> {
  const about = 'user namespaces';
  try {
    await execute('unshare', ['--user', '--map-root-user', '--', 'true'], { timeout: 10_000 });
    return { about, state: 'pass', says: 'unshare makes them' };
  } catch {
    const root = process.getuid?.() === 0;
    return {
      about,
      state: 'warn',
      says: root
        ? 'unshare makes none: root starts the database as the user "nobody", who must reach its folder'
        : 'unshare makes none: only root needs them, for the database',
      ...(root
        ? { hint: 'run as an ordinary user, or allow them (sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces)' }
        : {}),
    };
  }
}

function processTable(): Finding {
  const about = 'processes';
  if ((identifyProcess(process.pid)?.startTicks ?? 0) > 0)
    return { about, state: 'pass', says: '/proc tells a process from a later one with the same number' };
  return {
    about,
    state: 'fail',
    says: 'no readable /proc: a process cannot be told from a later one with the same number',
    hint: 'mount /proc; macOS is for sluice run and the demo alone',
  };
}

async function controlGroups(): Promise<Finding> {
  const about = 'control groups';
  const writable = await access('/sys/fs/cgroup/cgroup.procs', constants.W_OK).then(
    () => true,
    () => false,
  );
  const present = writable || (await exists('/sys/fs/cgroup'));
  const means = 'processes that a job leaves behind are found by their mark and their parents in /proc';
  return {
    about,
    state: 'pass',
    says: `${present ? (writable ? 'there and ours to write' : 'there, but not ours to write') : 'none'}; not needed: ${means}`,
  };
}

async function disk(stateFolder: string): Promise<Finding> {
  const about = 'disk';
  const folder = await nearestExisting(stateFolder);
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const says = `${(free / 1024 ** 3).toFixed(1)} GiB free at ${folder}`;
  const hint = 'free some space, or put the state elsewhere with --state';
  if (free < littleDisk / 10) return { about, state: 'fail', says, hint };
  return free < littleDisk ? { about, state: 'warn', says, hint } : { about, state: 'pass', says };
}

async function privateState(stateFolder: string): Promise<Finding> {
  const about = 'state folder';
  const facts = await stat(stateFolder).catch(() => undefined);
  if (facts === undefined) {
    const parent = await nearestExisting(stateFolder);
    const writable = await access(parent, constants.W_OK).then(
      () => true,
      () => false,
    );
    if (writable) return { about, state: 'pass', says: `${stateFolder} is not there yet; sluice serve makes it for its owner alone` };
    return {
      about,
      state: 'fail',
      says: `${stateFolder} cannot be made: ${parent} is not ours to write`,
      hint: 'name another one with --state',
    };
  }
  if (!facts.isDirectory())
    return { about, state: 'fail', says: `${stateFolder} is no folder`, hint: 'move it away, or name another one with --state' };
  if (facts.uid !== (process.getuid?.() ?? facts.uid))
    return {
      about,
      state: 'fail',
      says: `${stateFolder} belongs to another user (${facts.uid})`,
      hint: 'work as that user, or name another one with --state',
    };
  if ((facts.mode & 0o077) !== 0)
    return { about, state: 'warn', says: `others may look into ${stateFolder}`, hint: `chmod 700 ${stateFolder}` };
  return { about, state: 'pass', says: `${stateFolder} is for its owner alone` };
}

function sockets(stateFolder: string): Finding {
  const about = 'sockets';
  try {
    const path = socketPath(stateFolder, 'agent');
    if (path.startsWith(stateFolder)) return { about, state: 'pass', says: 'the path of the state folder is short enough for them' };
    return { about, state: 'pass', says: `the path of the state folder is too long for them; they lie in ${dirname(path)}` };
  } catch (error) {
    return {
      about,
      state: 'fail',
      says: error instanceof Error ? error.message : String(error),
      hint: 'or name a state folder with a shorter path with --state',
    };
  }
}

async function ports(): Promise<Finding> {
  const about = 'ports';
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) =>
      resolve({
        about,
        state: 'fail',
        says: `no port of 127.0.0.1 can be opened: ${error.message}`,
        hint: 'is the loopback interface up?',
      }),
    );
    server.listen(0, '127.0.0.1', () => server.close(() => resolve({ about, state: 'pass', says: 'ports of 127.0.0.1 can be opened' })));
  });
}

/** Proved by trying to break out of it: a program that is there holds nobody back by being there. */
async function isolation(path: string): Promise<Finding> {
  const about = 'isolation';
  const sandbox = await openSandbox({ path, home: homedir() });
  if (sandbox.isolation === 'none')
    return {
      about,
      state: 'warn',
      says: `none: jobs and services run as ${userName()}, who can read the signing key; environments that ask for approvals take no commit (${sandbox.because})`,
      hint: 'install bubblewrap, or allow user namespaces (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns)',
    };
  const { tried, broken } = await proveSandbox(sandbox);
  const name = sandbox.because === '' ? sandbox.isolation : `${sandbox.isolation} (${sandbox.because})`;
  if (broken.length > 0)
    return {
      about,
      state: 'fail',
      says: `${name} does not hold: a confined process could ${broken.join(', ')}`,
      hint: 'deliver nothing from this machine that you did not write yourself, and tell us',
    };
  return { about, state: 'pass', says: `${name} held against ${tried.length} ways out: ${tried.join(', ')}; ${bounds(sandbox.enforces)}` };
}

function bounds(enforces: Sandbox['enforces']): string {
  const names = { memoryBytes: 'memory', processes: 'processes', scratchBytes: 'scratch space' } as const;
  const all = Object.keys(names) as (keyof typeof names)[];
  const held = all.filter((each) => enforces.includes(each)).map((each) => names[each]);
  const not = all.filter((each) => !enforces.includes(each)).map((each) => names[each]);
  return `${held.join(', ')} can be bounded${not.length === 0 ? '' : `, ${not.join(' and ')} cannot: no control group is ours`}`;
}

function userName(): string {
  try {
    return `"${userInfo().username}"`;
  } catch {
    // A user without an entry, as containers have them.
    return `user ${process.getuid?.() ?? '?'}`;
  }
}

const exists = async (path: string): Promise<boolean> => (await stat(path).catch(() => undefined)) !== undefined;

async function nearestExisting(path: string): Promise<string> {
  for (let at = path; ; at = dirname(at)) if (at === dirname(at) || (await exists(at))) return at;
}
