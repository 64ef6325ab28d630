import { spawn, type ChildProcess } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { identifyProcess } from '#host';
import { confinedHome, type Confinement, type Sandbox } from '#kernel';
import { confinedProgramOf, openSandbox } from './index.ts';

const nothing: Confinement = { mounts: [], network: 'none', limits: {} };

type Ended = { readonly code: number | null; readonly out: string };

/** Root has more to lose and an ordinary user fewer rights: both must be held alike. */
const users = process.getuid?.() === 0 ? (['root', 'nobody'] as const) : (['myself'] as const);
const kinds = (['bubblewrap', 'namespaces'] as const).flatMap((only) => users.map((user) => [only, user] as const));

describe.each(kinds)('a sandbox made with %s, started by %s', (only, user) => {
  const as = user === 'nobody' ? { uid: 65_534, gid: 65_534 } : {};
  let sandbox: Sandbox;
  let folder = '';
  beforeAll(async () => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-sandbox-')));
    chmodSync(folder, 0o777);
    sandbox = await openSandbox({ path: '/usr/bin:/bin', home: '/root', only });
    expect(sandbox).toMatchObject({ isolation: only });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** What a program inside may write to, to be waited for. */
  const start = (
    args: readonly string[],
    confinement: Confinement = nothing,
    env: Readonly<Record<string, string>> = { PATH: '/usr/bin:/bin' },
  ): ChildProcess => {
    const [command = '', ...rest] = args;
    const confined = sandbox.confine({ command, args: rest, cwd: '/tmp', env }, confinement);
    if (!confined.ok) throw confined.error;
    return spawn(confined.value.command, confined.value.args, {
      cwd: confined.value.cwd,
      env: confined.value.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...as,
    });
  };
  const ended = async (child: ChildProcess): Promise<Ended> => {
    let out = '';
    child.stdout?.on('data', (bytes: Buffer) => (out += bytes.toString()));
    child.stderr?.on('data', (bytes: Buffer) => (out += bytes.toString()));
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    return { code, out: out.trim() };
  };
  const shell = async (script: string, confinement?: Confinement, env?: Readonly<Record<string, string>>): Promise<Ended> =>
    ended(start(['sh', '-c', script], confinement, env));
  const said = async (child: ChildProcess, word: string): Promise<void> =>
    new Promise((resolve) => {
      let out = '';
      child.stdout?.on('data', (bytes: Buffer) => {
        out += bytes.toString();
        if (out.includes(word)) resolve();
      });
    });

  test('hands the program its words, its variables and its folder exactly', async () => {
    const odd = `a b\n"c" $HOME \\n 'd' *`;
    expect(
      await ended(
        start(['sh', '-c', 'printf "%s|" "$ODD" "$0" "$(pwd)" "${SLUICE_ENV_ODD-unset}"; exit 3', odd], nothing, {
          PATH: '/usr/bin:/bin',
          ODD: odd,
        }),
      ),
    ).toEqual({
      code: 3,
      out: `${odd}|${odd}|/tmp|unset|`,
    });
  });

  test.each([0, 1, 3, 125, 126, 255])('ends with the exit code %i of the program', async (code) => {
    expect(await shell(`exit ${code}`)).toMatchObject({ code });
  });

  test('ends with 128 + n when signal n ended the program, with 127 when there is none', async () => {
    expect(await shell('kill -SEGV $$')).toMatchObject({ code: 139 });
    expect(await shell('kill -KILL $$')).toMatchObject({ code: 137 });
    expect(await ended(start(['no-such-program']))).toMatchObject({ code: 127, out: expect.stringContaining('no-such-program') as string });
  });

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const)(
    'passes %s on to the program, once',
    async (signal) => {
      const name = signal.slice(3);
      const child = start(['sh', '-c', `trap 'echo got' ${name}; trap 'exit 0' ALRM; echo ready; while :; do sleep 0.05; done`]);
      const end = ended(child);
      await said(child, 'ready');
      const heard = said(child, 'got');
      child.kill(signal);
      await heard;
      process.kill(programOf(child), 'SIGALRM');
      expect(await end).toEqual({ code: 0, out: 'ready\ngot' });
    },
  );

  test('a signal without a handler ends the program, and the exit code says which', async () => {
    const child = start(['sh', '-c', 'echo ready; exec sleep 1000']);
    const end = ended(child);
    await said(child, 'ready');
    child.kill('SIGTERM');
    expect(await end).toMatchObject({ code: 143 });
  });

  test('a signal while the walls are being built is not lost', async () => {
    for (let delay = 0; delay < 60; delay += 1) {
      const child = start(['sleep', '1000']);
      const end = ended(child);
      await new Promise((resolve) => setTimeout(resolve, delay));
      child.kill('SIGTERM');
      expect([143, null]).toContain((await end).code);
    }
  });

  test('killed while the walls are being built, it leaves nobody behind (I13)', async () => {
    for (let delay = 0; delay < 60; delay += 1) {
      const child = start(['sleep', '1000']);
      const end = ended(child);
      await new Promise((resolve) => setTimeout(resolve, delay));
      child.kill('SIGKILL');
      // It ends only when the last that inherited its output has.
      await end;
    }
  });

  test('the program is found from outside, and is what runs (I6)', async () => {
    const child = start(['sh', '-c', 'echo ready; exec sleep 1000']);
    const end = ended(child);
    await said(child, 'ready');
    await expect.poll(() => exeOf(confinedProgramOf(child.pid ?? 0))).toMatch(/\/sleep$/);
    child.kill('SIGKILL');
    await end;
    expect(confinedProgramOf(child.pid ?? 0)).toBeUndefined();
  });

  test('SIGKILL to what was started ends all inside, daemons included (I13)', async () => {
    const mark = join(folder, 'daemon');
    mkdirSync(mark);
    chmodSync(mark, 0o777);
    const mounts = [{ from: mark, to: '/place', access: 'write' }] as const;
    const child = start(
      [
        'sh',
        '-c',
        '(setsid sh -c "trap : TERM HUP; echo up > /place/up; while :; do sleep 0.01; done" &) ; while [ ! -e /place/up ]; do sleep 0.01; done; echo ready; exec sleep 1000',
      ],
      { ...nothing, mounts },
    );
    const end = ended(child);
    await said(child, 'ready');
    const inside = familyOf(programOf(child));
    expect(inside.length).toBeGreaterThan(2);
    child.kill('SIGKILL');
    await end;
    await expect.poll(() => inside.filter((pid) => identifyProcess(pid) !== undefined)).toEqual([]);
  });

  test('what was started ends after everything inside has: nothing outlives its job (I13)', async () => {
    const child = start([
      'sh',
      '-c',
      '(setsid sh -c "trap : TERM HUP; echo up; exec 1>&- 2>&-; while :; do sleep 0.01; done" &); sleep 0.1; echo ready; read word',
    ]);
    const end = new Promise<readonly number[]>((resolve) => {
      child.once('exit', () => resolve(inside.filter((pid) => identifyProcess(pid) !== undefined)));
    });
    await said(child, 'up');
    const inside = familyOf(programOf(child));
    child.kill('SIGTERM');
    expect(await end).toEqual([]);
  });

  test('whoever lost a parent inside is reaped', async () => {
    const { out } = await shell(
      'for i in 1 2 3 4 5 6 7 8 9 10; do (sh -c "exit 0" &); done; n=1; while [ $n -gt 0 ]; do n=0; for s in /proc/[0-9]*/stat; do read -r p c state rest <$s && [ "$state" = Z ] && n=1; done; done 2>/dev/null; echo none',
    );
    expect(out).toBe('none');
  });

  test('shows mounts where they were asked for, for reading or writing, and nothing else of the machine', async () => {
    const from = join(folder, 'with space');
    mkdirSync(join(from, 'deep'), { recursive: true });
    chmodSync(join(from, 'deep'), 0o777);
    writeFileSync(join(from, 'file'), 'text');
    const mounts = [
      { from, to: '/place/shown', access: 'read' },
      { from: join(from, 'deep'), to: '/place/shown/deep', access: 'write' },
      { from: join(from, 'file'), to: '/alone', access: 'read' },
    ] as const;
    const script =
      'cat /place/shown/file /alone; echo; echo new > /place/shown/deep/new; echo no 2>/dev/null > /place/shown/file || echo read-only; echo no 2>/dev/null > /alone || echo read-only; ls /place; ls / | tr "\\n" " "';
    const { out } = await shell(script, { ...nothing, mounts });
    expect(out.split('\n')).toEqual(['texttext', 'read-only', 'read-only', 'shown', expect.not.stringMatching(/root|home|mnt|sys/)]);
    expect(readFileSync(join(from, 'deep', 'new'), 'utf8')).toBe('new\n');
    expect(sandbox.seenAt(mounts, join(from, 'deep', 'new'))).toBe('/place/shown/deep/new');
    expect(sandbox.seenAt(mounts, '/elsewhere')).toBeUndefined();
  });

  test('refuses mounts that lead through a link, are not there, or lie over the system', () => {
    const real = join(folder, 'real');
    const link = join(folder, 'link');
    mkdirSync(join(real, 'sub'), { recursive: true });
    symlinkSync('/etc', link);
    symlinkSync('/etc', join(real, 'out'));
    const refused = (from: string, to: string, outer: Confinement['mounts'] = []): string => {
      const answer = sandbox.confine(
        { command: 'true', args: [], cwd: '/', env: {} },
        { ...nothing, mounts: [...outer, { from, to, access: 'read' }] },
      );
      return answer.ok ? 'taken' : answer.error.message;
    };
    expect(refused(link, '/place')).toMatch(/a part of its path is a link$/);
    expect(refused(join(link, 'ssl'), '/place')).toMatch(/a part of its path is a link$/);
    expect(refused(join(folder, 'gone'), '/place')).toMatch(/it is not there$/);
    expect(refused('relative', '/place')).toMatch(/no absolute, plain path$/);
    expect(refused(`${folder}/real/../real`, '/place')).toMatch(/no absolute, plain path$/);
    for (const to of ['/', '/etc/passwd', '/usr', '/proc/1', '/dev', '/lib64/x', '/usr/bin/sh', 'place', '/a/../etc'])
      expect(refused(real, to), to).not.toBe('taken');
    const outer = [{ from: real, to: '/place', access: 'write' }] as const;
    expect(refused(real, '/place', outer)).toMatch(/something else is mounted there$/);
    expect(refused(real, '/place/sub', outer)).toBe('taken');
    expect(refused(real, '/place/out', outer)).toMatch(/must be there first, as a plain folder$/);
    expect(refused(real, '/place/out/ssl', outer)).toMatch(/must be there first/);
    expect(refused(real, '/place/new', outer)).toMatch(/must be there first/);
  });

  test('refuses what no environment or command line can say', () => {
    const refused = (command: string, env: Readonly<Record<string, string>>): boolean =>
      !sandbox.confine({ command, args: [], cwd: '/', env }, nothing).ok;
    expect(['', '-i', 'A=b', 'a\0b'].map((command) => refused(command, {}))).toEqual([true, true, true, true]);
    expect(['A B', '1A', 'A;id', '$(id)', ''].map((name) => refused('true', { [name]: '' }))).toEqual([true, true, true, true, true]);
    expect(refused('true', { PATH: '/bin', SLUICE_ENV_X: '1', _: '2' })).toBe(false);
  });

  test('has a scratch space and a home of its own, of the size that was given', async () => {
    const { out } = await shell(
      `echo x > ${confinedHome}/x && echo home; head -c 3000000 /dev/zero > /tmp/big 2>/dev/null || echo full; head -c 3000000 /dev/zero > /dev/shm/big 2>/dev/null || echo full`,
      { ...nothing, limits: { scratchBytes: 1_000_000 } },
    );
    expect(out).toBe('home\nfull\nfull');
  });

  test.runIf(user !== 'nobody')('holds to the limits that it says it enforces, and leaves no control group', async () => {
    const before = groupsNow();
    if (sandbox.enforces.includes('processes')) {
      const { out } = await shell('i=0; while [ $i -lt 40 ]; do sleep 60 & i=$((i + 1)); done 2>/dev/null; echo all', {
        ...nothing,
        limits: { processes: 20 },
      });
      expect(out).not.toBe('all');
    }
    if (sandbox.enforces.includes('memoryBytes')) {
      const limits = { memoryBytes: 64 * 1024 * 1024 };
      expect(await shell('head -c 20000000 /dev/zero | tail -c 20000000 | wc -c', { ...nothing, limits })).toMatchObject({
        code: 0,
        out: '20000000',
      });
      expect((await shell('head -c 200000000 /dev/zero | tail -c 200000000 | wc -c', { ...nothing, limits })).out).not.toBe('200000000');
    }
    expect(groupsNow()).toEqual(before);
  });

  test('with a loopback interface, a program reaches what it listens on itself', async () => {
    const script = `const s = require('net').createServer((c) => c.end('hello')).listen(0, '127.0.0.1', () => require('net').connect(s.address().port, '127.0.0.1').on('data', (d) => { console.log(String(d)); process.exit(); }));`;
    expect(await ended(start([process.execPath, '-e', script], { ...nothing, network: 'loopback' }))).toEqual({ code: 0, out: 'hello' });
  });

  test('Node finds what it needs', async () => {
    const script = `const os = require('os'); console.log(os.userInfo().username, os.homedir(), os.cpus().length > 0, os.totalmem() > 0, require('crypto').randomBytes(4).length, require('fs').readFileSync('/dev/null').length)`;
    expect(await ended(start([process.execPath, '-e', script]))).toEqual({ code: 0, out: `sluice ${confinedHome} true true 4 0` });
  });

  test('no variable of the program acts on what builds the walls', async () => {
    const mounts = [{ from: folder, to: '/place', access: 'read' }] as const;
    const { code, out } = await shell(
      'echo "$LD_PRELOAD"',
      { ...nothing, mounts },
      { PATH: '/place', LD_PRELOAD: join(folder, 'evil.so'), ENV: '/place/env', BASH_ENV: '/place/env', IFS: 'a0', PERL5OPT: '-Mevil' },
    );
    // The loader complains inside, where the library is not; outside it was never asked.
    expect(code).toBe(127);
    expect(out.split('\n').every((line) => /cannot be preloaded|No such file/.test(line))).toBe(true);
  });
});

function programOf(child: ChildProcess): number {
  const pid = confinedProgramOf(child.pid ?? 0);
  if (pid === undefined) throw new Error('there is no program');
  return pid;
}

/** Control groups of sandboxes, wherever this machine has any. */
function groupsNow(): readonly string[] {
  const trees = ['/sys/fs/cgroup', '/sys/fs/cgroup/memory', '/sys/fs/cgroup/pids'];
  return trees.flatMap((tree) =>
    (existsSync(tree) ? readdirSync(tree, { recursive: true }).map(String) : []).filter((path) => /(?:^|\/)sluice-\d+-\d+$/.test(path)),
  );
}

function exeOf(pid: number | undefined): string | undefined {
  try {
    return pid === undefined ? undefined : readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return undefined;
  }
}

/** Everything in the pid namespace of a process, as seen from here. */
function familyOf(pid: number): readonly number[] {
  const space = readlinkSync(`/proc/${pid}/ns/pid`);
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((each) => {
      try {
        return readlinkSync(`/proc/${each}/ns/pid`) === space;
      } catch {
        return false;
      }
    });
}
