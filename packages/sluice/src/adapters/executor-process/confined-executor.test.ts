import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { identifyProcess, ownCommand, siblingModule } from '#host';
import { seconds } from '#kernel';
import { openSandbox } from '#sandbox';
import { listPids } from './proc.ts';
import { eventually, runJobs as runLoose, TestProject, testPath, type TestJob, type TestRun, type TestRunOptions } from './run-rig.ts';

const logOf = (folder: string, name: string): string => readFileSync(join(folder, 'logs', `${name}.log`), 'utf8');
const has = (project: string, file: string): boolean => existsSync(join(project, file)) && readFileSync(join(project, file)).length > 0;

/** The processes of this machine in whose sight of the world a path lies at the place of a confined project. */
const confinedIn = (project: string): readonly number[] =>
  listPids().filter((pid) => {
    try {
      return (
        readFileSync(`/proc/${pid}/mountinfo`, 'utf8').includes(` ${project} /work/project `) && readlinkSync(`/proc/${pid}/exe`) !== ''
      );
    } catch {
      return false;
    }
  });

const kinds = ['bubblewrap', 'namespaces'] as const;
const sandboxes = await Promise.all(kinds.map(async (only) => openSandbox({ path: testPath, home: homedir(), only })));
const works = kinds.map((kind, at) => [kind, sandboxes[at]] as const);

test('I13: this machine has walls of one kind at least, or nothing here was shown', ({ skip }) => {
  if (works.every(([, sandbox]) => sandbox?.isolation === 'none')) skip(works.map(([, sandbox]) => sandbox?.because).join('; '));
});

describe.each(works)('jobs behind walls: %s', (kind, sandbox) => {
  const isHere = sandbox?.isolation === kind;
  const runJobs = async (project: string, jobs: Readonly<Record<string, TestJob>>, options: TestRunOptions = {}): Promise<TestRun> =>
    runLoose(project, jobs, { ...options, open: { sandbox: sandbox!, ...options.open } });

  test.runIf(isHere)(
    'R-RUN-01: steps run in order and share one sandbox: what the first leaves serves the second, and is ended with the last',
    async () => {
      using project = new TestProject();
      const { result, events } = await runJobs(project.path, {
        one: {
          steps: [
            'sleep 1000 & echo $! > /tmp/id',
            'kill -0 $(cat /tmp/id) && echo served > made.txt',
            ['sh', '-c', 'echo "done: $1"', 'sh', 'a b'],
          ],
        },
        two: { steps: ['cat made.txt; pwd; test ! -e /tmp/id; echo oops >&2'], needs: ['one'] },
      });
      expect([...result.jobs.values()].map((job) => job.kind)).toEqual(['passed', 'passed']);
      expect(logOf(result.folder, 'one.1')).toBe('done: a b\n');
      expect(logOf(result.folder, 'two.1')).toBe('served\n/work/project\noops\n');
      expect(events).toContainEqual(expect.objectContaining({ type: 'job.leftovers-ended', job: 'one', processes: 1 }));
      expect(confinedIn(project.path)).toEqual([]);
    },
  );

  test.runIf(isHere)(
    'failures are told as without walls: the step and its exit code, the signal, the program that is not there',
    async () => {
      using project = new TestProject();
      const { result } = await runJobs(project.path, {
        code: { steps: ['true', 'echo why; exit 7', 'echo never'] },
        killed: { steps: ['test -e k && exit 0; touch k; kill -9 $$'], retry: { attempts: 2, on: [{ kind: 'signal' }] } },
        all: { steps: ['kill -9 -1'] },
        typo: { steps: [['no-such-program']] },
        builtin: { steps: [['exit', '0']] },
      });
      expect(result.jobs.get('code')).toMatchObject({ kind: 'failed', failure: { kind: 'exit-code', code: 7, step: 2 }, tail: 'why\n' });
      expect(result.jobs.get('killed')).toMatchObject({
        kind: 'passed',
        attempts: [{ end: { failure: { kind: 'signal', signal: 'SIGKILL' } } }, {}],
      });
      expect(result.jobs.get('all')).toMatchObject({ kind: 'failed', failure: { kind: 'signal', signal: 'SIGKILL', step: 1 } });
      expect(result.jobs.get('typo')).toMatchObject({ failure: { kind: 'not-started', because: 'no program "no-such-program" in PATH' } });
      expect(result.jobs.get('builtin')?.kind).toBe('failed');
    },
  );

  test.runIf(isHere)(
    'I11: nothing of who runs it is in sight: no state, no process, no environment, no home, no other folder',
    async () => {
      using project = new TestProject();
      using other = new TestProject();
      writeFileSync(join(other.path, 'secret'), 'hunter2');
      process.env['UNDECLARED'] = 'leaked';
      try {
        const { result } = await runJobs(project.path, {
          looks: {
            steps: [
              `ls -A .sluice; cat ${other.path}/secret; ls -A ${homedir()}; cat /proc/*/environ | tr '\\0' '\\n' | grep UNDECLARED; ls /proc | grep -c '^[0-9]'; echo $HOME $TMPDIR; echo > .sluice/x`,
            ],
          },
        });
        expect(result.jobs.get('looks')?.kind).toBe('failed');
        const said = logOf(result.folder, 'looks.1');
        expect(said).not.toMatch(/hunter2|leaked|run\.lock|runs/);
        expect(said).toContain('/tmp/home /tmp\n');
      } finally {
        delete process.env['UNDECLARED'];
      }
    },
  );

  test.runIf(isHere)('I11: with secrets all output passes the mask, and comes in the order in which it was written', async () => {
    using project = new TestProject();
    const { result } = await runJobs(
      project.path,
      { asks: { steps: ['echo a; echo b >&2; echo $TOKEN; echo $TOKEN > /proc/self/fd/2; sleep 1000 &'], secrets: ['TOKEN'] } },
      { secrets: { TOKEN: 'hunter22-hunter22' }, open: { graceMs: 500 } },
    );
    expect(result.jobs.get('asks')?.kind).toBe('passed');
    expect(logOf(result.folder, 'asks.1')).toMatch(/^a\nb\n\*\*\*\n/);
    expect(logOf(result.folder, 'asks.1')).not.toContain('hunter22');
  });

  test.runIf(isHere).each([
    ['a daemon that forked twice and closed its streams', `(setsid sleep 1000 </dev/null >/dev/null 2>&1 &)`],
    ['a daemon with an empty environment', `(env -i setsid sleep 1000 </dev/null >/dev/null 2>&1 &)`],
    [
      'a daemon that kept neither parent, session, environment nor descriptors',
      `node -e 'require("child_process").spawn("/bin/sleep", ["1000"], { env: {}, detached: true, stdio: "ignore", cwd: "/" }).unref()'`,
    ],
    ['one that ignores every signal', `(trap '' TERM INT HUP; exec setsid sleep 1000 </dev/null >/dev/null 2>&1) &`],
    [
      'two hundred children that nobody waits for',
      `sh -c 'i=0; while [ $i -lt 200 ]; do sleep 0 & i=$((i+1)); done; exec sleep 1000' & sleep 0.5`,
    ],
  ])('I13: %s is ended with the job', async (_, step) => {
    using project = new TestProject();
    const { result } = await runJobs(project.path, { leaks: { steps: [step, 'exit 5'] } }, { open: { graceMs: 100 } });
    expect(result.jobs.get('leaks')).toMatchObject({ failure: { kind: 'exit-code', code: 5, step: 2 } });
    expect(confinedIn(project.path)).toEqual([]);
  });

  test.runIf(isHere)(
    'I13: a job that takes too long, and one that is called off, are asked first, then ended; a second request ends them at once',
    async () => {
      using project = new TestProject();
      const stubborn = `trap '' TERM; echo begun; touch up; while :; do sleep 1000; done`;
      const { result } = await runJobs(project.path, { slow: { steps: [stubborn], timeout: seconds(2) } }, { open: { graceMs: 100 } });
      expect(result.jobs.get('slow')).toMatchObject({
        kind: 'failed',
        failure: { kind: 'timeout', afterMs: 2_000, step: 1 },
        tail: 'begun\n',
      });
      expect(confinedIn(project.path)).toEqual([]);

      const stop = new AbortController();
      const polite = { steps: [`trap 'echo cleaned > cleaned; exit 0' TERM; echo up > polite; while :; do sleep 0.01; done`] };
      const running = runJobs(project.path, { polite, next: { needs: ['polite'] } }, { signal: stop.signal });
      await eventually(() => has(project.path, 'polite'));
      stop.abort();
      expect([...(await running).result.jobs.values()].map((job) => job.kind)).toEqual(['cancelled', 'cancelled']);
      expect(readFileSync(join(project.path, 'cleaned'), 'utf8')).toBe('cleaned\n');

      const [ask, force] = [new AbortController(), new AbortController()];
      const forced = runJobs(
        project.path,
        { stubborn: { steps: [`echo up > again; ${stubborn}`] } },
        { signal: ask.signal, open: { graceMs: 3_600_000, force: force.signal } },
      );
      await eventually(() => has(project.path, 'again'));
      ask.abort();
      force.abort();
      expect((await forced).result.outcome).toBe('cancelled');
      expect(confinedIn(project.path)).toEqual([]);
    },
  );

  test.runIf(isHere)('I13: SIGKILL of the runner ends everything behind the walls', async () => {
    using project = new TestProject();
    const daemon = `env -i setsid sh -c 'trap "" TERM HUP; echo up > daemon; while :; do sleep 1000; done' </dev/null >/dev/null 2>&1 &`;
    const { command, args } = ownCommand(siblingModule(import.meta.url, './runner-program'), [
      project.path,
      'doomed',
      JSON.stringify({ job: { steps: [daemon, 'sleep 1000'] } }),
      '{}',
      kind,
    ]);
    const runner = spawn(command, args, { stdio: 'ignore', env: { PATH: process.env['PATH'] } });
    await eventually(() => has(project.path, 'daemon'), 'the daemon');
    expect(confinedIn(project.path).length).toBeGreaterThan(0);
    runner.kill('SIGKILL');
    await eventually(() => confinedIn(project.path).length === 0, 'the end of everything');
    expect(identifyProcess(runner.pid ?? 0)).toBeUndefined();
  });

  test.runIf(isHere)(
    'a service of a job runs behind walls too, is reached over the loopback interface, and ends with the job',
    async () => {
      using project = new TestProject();
      const port = 20_000 + (process.pid % 10_000);
      const server = `require('http').createServer((q, a) => a.end('served')).listen(${port}, '127.0.0.1')`;
      const { result } = await runJobs(project.path, {
        asks: {
          steps: [['node', '-e', `fetch('http://127.0.0.1:${port}').then((a) => a.text()).then(console.log)`]],
          services: {
            api: {
              kind: 'command',
              command: ['node', '-e', server],
              env: {},
              ready: { kind: 'port', port, timeout: seconds(30), interval: seconds(0.02) },
            },
            probed: {
              kind: 'command',
              command: 'sleep 0.1; echo up > ready; exec sleep 1000',
              env: {},
              ready: { kind: 'command', command: 'test -s ready', timeout: seconds(30), interval: seconds(0.02) },
            },
          },
        },
        alone: { steps: ['cat /proc/net/dev > net'], network: 'none' },
      });
      expect(result.jobs.get('asks')).toMatchObject({ kind: 'passed' });
      expect(logOf(result.folder, 'asks.1')).toBe('served\n');
      expect(readFileSync(join(project.path, 'net'), 'utf8').trim().split('\n')).toHaveLength(3); // two lines of heading, and lo
      expect(confinedIn(project.path)).toEqual([]);
    },
  );

  test.runIf(isHere)('a folder of the project in PATH is where the project is', async () => {
    using project = new TestProject();
    mkdirSync(join(project.path, 'bin'));
    writeFileSync(join(project.path, 'bin', 'own'), '#!/bin/sh\necho own\n', { mode: 0o755 });
    const { result } = await runJobs(project.path, { own: { steps: [['own']] } }, { open: { path: `${project.path}/bin:${testPath}` } });
    expect(logOf(result.folder, 'own.1')).toBe('own\n');
  });
});
