import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { defineDelivery, job } from '#define';
import { checkDelivery, problemLine } from '#plan';
import { runIn, TestProject } from './cache-attack-rig.ts';

describe('22 · links and brackets in the cache key', () => {
  test.each(['pages/[id].txt', 'pages/[post-id].txt', 'pages/[[...slug]].txt', 'pages/{id}.txt', 'pages/[...all]/x.txt'])(
    'a file that is really called %s is what an input of that name means (I12)',
    async (path) => {
      using project = new TestProject();
      const delivery = defineDelivery({ name: 'x', jobs: { a: job({ run: 'true', inputs: [path] }) } });
      const checked = checkDelivery(delivery);
      expect(checked.ok ? [] : checked.error.map(problemLine)).toEqual([]);
      const at = join(project.path, path);
      mkdirSync(join(at, '..'), { recursive: true });
      const build = { steps: [`cat '${path}' > out`], inputs: [path], outputs: ['out'] };
      writeFileSync(at, 'one');
      expect((await runIn(project, { build })).kinds).toEqual(['passed']);
      expect((await runIn(project, { build })).kinds).toEqual(['cached']);
      writeFileSync(at, 'two');
      expect((await runIn(project, { build })).kinds).toEqual(['passed']);
      expect(readFileSync(join(project.path, 'out'), 'utf8')).toBe('two');
    },
  );

  test('a link that is led elsewhere, a link behind a link, and a link to a file change the key with what the job reads', async () => {
    using project = new TestProject();
    const at = (path: string): string => join(project.path, path);
    for (const folder of ['one', 'two']) {
      mkdirSync(at(folder));
      writeFileSync(at(`${folder}/a.txt`), folder);
    }
    symlinkSync('one', at('current'));
    symlinkSync('current', at('src'));
    symlinkSync('src/a.txt', at('file'));
    for (const inputs of [['src/**'], ['file'], ['src/a.txt'], ['f*']]) {
      const build = { steps: ['cat src/a.txt > out'], inputs, outputs: ['out'] };
      for (const folder of ['one', 'two', 'one']) {
        unlinkSync(at('current'));
        symlinkSync(folder, at('current'));
        await runIn(project, { build });
        expect([inputs[0], readFileSync(at('out'), 'utf8')]).toEqual([inputs[0], folder]);
      }
    }
  });

  test('links in a circle end, and one that leads out is refused at once', async () => {
    using project = new TestProject();
    mkdirSync(join(project.path, 'src'));
    writeFileSync(join(project.path, 'src/a.txt'), '');
    symlinkSync('..', join(project.path, 'src/up'));
    symlinkSync('.', join(project.path, 'src/self'));
    const build = { steps: ['true'], inputs: ['src/**'] };
    expect((await runIn(project, { build })).kinds).toEqual(['passed']);
    symlinkSync('../..', join(project.path, 'src/out'));
    expect((await runIn(project, { build })).refused).toEqual([expect.stringContaining('leads out of the project')]);
  });

  test('an output folder that is a link is not stored half: the job runs each time and says what to name', async () => {
    using project = new TestProject();
    mkdirSync(join(project.path, 'build'));
    symlinkSync('build', join(project.path, 'dist'));
    writeFileSync(join(project.path, 'in.txt'), 'one');
    const build = { steps: ['cat in.txt > dist/copy'], inputs: ['in.txt'], outputs: ['dist'] };
    for (let round = 0; round < 2; round += 1) {
      rmSync(join(project.path, 'build/copy'), { force: true });
      const { kinds, notStored } = await runIn(project, { build });
      expect([kinds, notStored]).toEqual([['passed'], ['"dist" is a link to build, which is no output. Name that one']]);
      expect(readFileSync(join(project.path, 'build/copy'), 'utf8')).toBe('one');
    }
    const both = { ...build, outputs: ['dist', 'build'] };
    expect((await runIn(project, { build: both })).kinds).toEqual(['passed']);
    rmSync(join(project.path, 'build'), { recursive: true });
    rmSync(join(project.path, 'dist'));
    expect((await runIn(project, { build: both })).kinds).toEqual(['cached']);
    expect(readFileSync(join(project.path, 'dist/copy'), 'utf8')).toBe('one');
  });

  test('a report that is a link comes back with what it leads to, or is not stored', async () => {
    using project = new TestProject();
    writeFileSync(join(project.path, 'in.txt'), 'one');
    const unit = {
      steps: ['mkdir -p reports; echo "<testsuite/>" > reports/1.xml; ln -sfn reports/1.xml unit.xml'],
      inputs: ['in.txt'],
      reports: [{ format: 'junit' as const, path: 'unit.xml' }],
    };
    const first = await runIn(project, { unit });
    expect([first.kinds, first.notStored]).toEqual([
      ['passed'],
      ['"unit.xml" is a link to reports/1.xml, which is no output. Name that one'],
    ]);
    expect((await runIn(project, { unit: { ...unit, outputs: ['reports'] } })).kinds).toEqual(['passed']);
    rmSync(join(project.path, 'reports'), { recursive: true });
    unlinkSync(join(project.path, 'unit.xml'));
    expect((await runIn(project, { unit: { ...unit, outputs: ['reports'] } })).kinds).toEqual(['cached']);
    expect([lstatSync(join(project.path, 'unit.xml')).isSymbolicLink(), existsSync(join(project.path, 'unit.xml'))]).toEqual([true, true]);
  });
});
