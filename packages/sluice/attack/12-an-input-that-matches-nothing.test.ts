import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { digestOf } from '#kernel';
import { concludePipeline } from '#pipeline';
import { runIn, TestProject } from './cache-attack-rig.ts';

describe('12 · an input that matches nothing', () => {
  const failing = { steps: ['cat src/*.js | grep -q good'] };

  test('an input that names nothing is an error that says so: a job with a spelling mistake never begins (I12)', async () => {
    using project = new TestProject();
    mkdirSync(join(project.path, 'src'));
    writeFileSync(join(project.path, 'src/a.js'), 'good');
    for (const name of ['scr', 'src/b.js', 'src/a.js/x', 'none/at/all']) {
      const { refused } = await runIn(project, { unit: { ...failing, inputs: ['src/**', name] } });
      expect(refused, name).toEqual([expect.stringContaining(`"${name}" of "unit" does not exist`)]);
    }
  });

  test('with a pattern that matches nothing a test that fails by now is never green: it runs each time, and that is told (I12)', async () => {
    using project = new TestProject();
    mkdirSync(join(project.path, 'src'));
    for (const pattern of ['scr/**', 'src/**/*.jsx', 'src/a.js/*', 'empty/*']) {
      mkdirSync(join(project.path, 'empty'), { recursive: true });
      writeFileSync(join(project.path, 'src/a.js'), 'good');
      const job = { ...failing, inputs: [pattern] };
      const first = await runIn(project, { job });
      expect([first.kinds, first.notStored], pattern).toEqual([['passed'], [`"${pattern}" of its inputs matches no file`]]);
      expect(first.events).toContainEqual(expect.objectContaining({ type: 'job.inputs-unmatched', patterns: [pattern] }));
      writeFileSync(join(project.path, 'src/a.js'), 'bad');
      expect((await runIn(project, { job })).kinds, pattern).toEqual(['failed']);
    }
  });

  test('a gate does not pass over it: the pipeline is inconclusive, and says which pattern (I1)', () => {
    const unit = { kind: 'passed', durationMs: 1, attempts: [], reports: [] } as const;
    const run = { runId: 'r', folder: '/r', outcome: 'passed', durationMs: 1 } as const;
    const gate = {
      gate: 'tests',
      verdict: { kind: 'pass', because: 'all pass', evidence: [] },
      policy: digestOf('p'),
      digest: digestOf('d'),
    } as const;
    const conclude = (result: typeof unit & { readonly unmatched?: readonly string[] }) =>
      concludePipeline({ ...run, jobs: new Map([['unit', result]]) }, [gate]);
    expect(conclude(unit).verdict).toBe('pass');
    expect(conclude({ ...unit, unmatched: ['scr/**'] })).toEqual({
      verdict: 'inconclusive',
      because: 'job unit: "scr/**" among its inputs matches no file. Correct it, or leave it out',
    });
  });

  test('a pattern below a linked folder sees what the job sees there', async () => {
    using project = new TestProject();
    mkdirSync(join(project.path, 'lib/deep'), { recursive: true });
    symlinkSync('lib', join(project.path, 'src'));
    for (const inputs of [['src/**'], ['src/*.js'], ['{src,test}/*.js'], ['**/*.js'], ['src']]) {
      writeFileSync(join(project.path, 'lib/a.js'), 'good');
      expect((await runIn(project, { job: { ...failing, inputs } })).kinds, inputs[0]).toEqual(['passed']);
      expect((await runIn(project, { job: { ...failing, inputs } })).kinds, inputs[0]).toEqual(['cached']);
      writeFileSync(join(project.path, 'lib/a.js'), 'bad');
      expect((await runIn(project, { job: { ...failing, inputs } })).kinds, inputs[0]).toEqual(['failed']);
    }
  });

  test('a file whose name is no UTF-8 is an input like any other', async () => {
    using project = new TestProject();
    const odd = Buffer.concat([Buffer.from(`${project.path}/caf`), Buffer.from([0xe9]), Buffer.from('.js')]);
    const job = { steps: ['cat *.js | grep -q good'], inputs: ['*.js'] };
    writeFileSync(odd, 'good');
    expect((await runIn(project, { job })).kinds).toEqual(['passed']);
    expect((await runIn(project, { job })).kinds).toEqual(['cached']);
    writeFileSync(odd, 'bad');
    const changed = await runIn(project, { job });
    expect(changed.kinds).toEqual(['failed']);
    expect(changed.events).toContainEqual(
      expect.objectContaining({ because: expect.stringContaining(String.raw`input "caf\xe9.js" changed`) as string }),
    );
  });
});
