import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ended, sluiceWords, StrangersProject } from './runner-rig.ts';

/** A namespace in which process ids come round after a few hundred: the kernel counts them per namespace since 6.14. */
const small = [
  'unshare',
  ...(process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']),
  '--pid',
  '--fork',
  '--mount-proc',
  '--kill-child',
];
const canBeSmall =
  spawnSync(small[0]!, [...small.slice(1), 'sh', '-c', 'echo 500 > /proc/sys/kernel/pid_max'], { stdio: 'ignore' }).status === 0 &&
  Number(spawnSync('cat', ['/proc/sys/kernel/pid_max'], { encoding: 'utf8' }).stdout) > 1_000;

describe('31 · processes that are not ours are killed', () => {
  /** A shell that calls `sluice run` after it started a server in the project; says who is alive afterwards. */
  const shell = (words: string): string => `
    sh -c 'cd "$PROJECT"; setsid sh -c "echo \\$\\$ > server.pid; exec sleep 1000" </dev/null >/dev/null 2>&1 &
           while ! test -s server.pid; do sleep 0.01; done
           ${words} run >run.txt 2>&1; echo ran $?
           kill -0 $(cat server.pid) && echo server lives
           echo shell lives'
    test -s "$PROJECT/server.pid" || exit 1
    echo over`;

  const run = async (jobs: string, before: string): Promise<string> => {
    using project = new StrangersProject(jobs);
    const script = `${before}\n${shell(sluiceWords.map((word) => `"${word}"`).join(' '))}`;
    const words = before === '' ? ['sh'] : [...small, 'sh'];
    const child = spawn(words[0]!, [...words.slice(1), '-c', script], {
      cwd: project.path,
      env: { ...project.env, PROJECT: project.path },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    try {
      return (await ended(child)).out;
    } finally {
      spawnSync('pkill', ['-KILL', '-s', String(child.pid)], { stdio: 'ignore' });
      spawnSync('sh', ['-c', `test -s "${join(project.path, 'server.pid')}" && kill -9 $(cat "${join(project.path, 'server.pid')}")`], {
        stdio: 'ignore',
      });
    }
  };

  test.runIf(canBeSmall).each([1, 2, 3])(
    'ids come round several times while a job runs: the shell that called and the server that was there before live (try %i)',
    async () => {
      const storm = `x: job({ run: 'i=0; while [ $i -lt 1500 ]; do (:); i=$((i+1)); done; sleep 0.3' })`;
      const said = await run(`${storm}, y: job({ run: 'sleep 0.2 & sleep 0.1', needs: ['x'] })`, 'echo 500 > /proc/sys/kernel/pid_max');
      expect(said).toMatch(/^ran \d+\nserver lives\nshell lives\nover\n$/);
    },
  );

  test('a server that somebody starts in the folder while a job runs is nobody of the job', async () => {
    using project = new StrangersProject(`x: job({ run: 'echo > up; while ! test -e go; do sleep 0.01; done' })`);
    const running = ended(project.start(['run']));
    const starter = `while ! test -e up; do sleep 0.01; done; setsid sleep 1000 </dev/null >/dev/null 2>&1 & echo $!`;
    const { stdout } = spawnSync('sh', ['-c', starter], { cwd: project.path, env: project.env, encoding: 'utf8' });
    const server = Number(stdout);
    try {
      // The runner looks at processes ten times a second: it has seen the server by the time a second process could be told.
      project.write('go', '');
      await running;
      expect(() => process.kill(server, 0)).not.toThrow();
    } finally {
      process.kill(server, 'SIGKILL');
    }
  });
});
