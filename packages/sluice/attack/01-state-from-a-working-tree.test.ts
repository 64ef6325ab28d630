import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { identifyProcess, isRunning, type ProcessIdentity } from '#host';
import { commitPipelines } from '../src/pipeline-runner.ts';
import { localRunMachine } from '../src/run-machine.ts';
import { stranger, StrangersProject } from './runner-rig.ts';

describe('1 · state is taken from a working tree', () => {
  let precious = '';
  let victim: Awaited<ReturnType<typeof stranger>>;
  let identity: ProcessIdentity;
  beforeEach(async () => {
    precious = mkdtempSync(join(tmpdir(), 'precious-'));
    writeFileSync(join(precious, 'work'), 'of years');
    victim = await stranger();
    identity = identifyProcess(victim.pid)!;
  });
  afterEach(() => {
    victim.kill('SIGKILL');
    rmSync(precious, { recursive: true, force: true });
  });

  /** A lock of a run that is dead, with the folder that it wants to be removed, and a journal with the process that it wants to be ended. */
  const plant = (project: StrangersProject): void => {
    const folder = join(project.path, '.sluice', 'runs', 'old');
    const lines = [
      { type: 'job-began', job: 'x', effect: false },
      { type: 'process-began', job: 'x', ...identity },
    ];
    project.write('.sluice/runs/old/journal.jsonl', lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    const dead = { pid: 4_194_303, startTicks: 1 };
    project.write('.sluice/run.lock', JSON.stringify({ runId: 'old', folder, scratch: precious, owner: dead }));
  };

  test('a committed lock and journal are refused in one line; no folder is removed, no process is ended', async () => {
    using project = new StrangersProject(`x: job({ run: 'true' })`);
    plant(project);
    project.commit('.sluice');
    const told = await project.sluice('run');
    expect(told).toMatchObject({ code: 2, err: expect.stringMatching(/^✖ .*\.sluice came with a commit .*→ .*\n$/) });
    expect(existsSync(join(precious, 'work'))).toBe(true);
    expect(isRunning(identity)).toBe(true);
  });

  test('a lock and a journal that came without git are not believed either: the run passes, and nothing of others is touched', async () => {
    using project = new StrangersProject(`x: job({ run: 'true' })`);
    plant(project);
    expect(await project.sluice('run', '--json')).toMatchObject({
      code: expect.any(Number),
      out: expect.stringContaining('"kind": "passed"'),
    });
    expect(existsSync(join(precious, 'work'))).toBe(true);
    expect(isRunning(identity)).toBe(true);
  });

  test('a state folder that is a link, and one that others may write to, are refused', async () => {
    using project = new StrangersProject(`x: job({ run: 'true' })`);
    symlinkSync(precious, join(project.path, '.sluice'));
    expect(await project.sluice('run')).toMatchObject({ code: 2, err: expect.stringContaining('.sluice is a link') });
    renameSync(join(project.path, '.sluice'), join(project.path, 'link'));
    mkdirSync(join(project.path, '.sluice'));
    const { chmodSync } = await import('node:fs');
    chmodSync(join(project.path, '.sluice'), 0o777);
    expect(await project.sluice('run')).toMatchObject({ code: 2, err: expect.stringContaining('may be written to by others') });
  });

  test('a committed address of a control plane is not spoken to, and what it says runs is not ended', async () => {
    using project = new StrangersProject(`x: job({ run: 'true' })`);
    project.write('.sluice/serve.json', JSON.stringify({ url: 'http://127.0.0.1:1', token: 'x', pid: victim.pid }));
    project.write('.sluice/serving/1.json', JSON.stringify({ executor: 'x', process: identity }));
    project.commit('.sluice');
    for (const command of ['status', 'down', 'report']) {
      expect(await project.sluice(command), command).toMatchObject({ code: 2, err: expect.stringContaining('came with a commit') });
    }
    expect(isRunning(identity)).toBe(true);
  });

  test('under serve a commit that brings state is refused, and what it brought is not read', async () => {
    using project = new StrangersProject(`x: job({ run: 'true' })`);
    plant(project);
    const state = mkdtempSync(join(tmpdir(), 'sluice-state-'));
    try {
      const path = project.env['PATH'] ?? '';
      const pipelines = commitPipelines({
        parallel: 1,
        path,
        env: {},
        machine: localRunMachine({ path, home: '/nowhere' }),
        stateFolder: state,
        grants: new Map(),
      });
      const commit = { sha: '0'.repeat(40) } as Parameters<typeof pipelines.run>[0]['commit'];
      const signal = new AbortController().signal;
      const trust = { refs: ['refs/heads/main'], isProtected: true };
      const order = { run: 'r1', commit, folder: project.path, pipeline: 'default', trust, protectedRefs: ['main'] };
      const told = await pipelines.run({ ...order, signal });
      expect(told).toMatchObject({ ok: false, error: { code: 'config', message: expect.stringContaining('the commit holds .sluice') } });
      expect(existsSync(join(precious, 'work'))).toBe(true);
      expect(isRunning(identity)).toBe(true);
    } finally {
      rmSync(state, { recursive: true, force: true });
    }
  });
});
