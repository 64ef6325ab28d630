import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runIn, TestProject } from './cache-attack-rig.ts';

describe('40 · edits behind links and renames while a job runs', () => {
  /** A project in which `a/in.txt` is the input, with a second folder beside that holds another one. */
  function twoFolders(): TestProject {
    const project = new TestProject();
    for (const folder of ['a', 'other', 'p/a', 'p/other']) {
      mkdirSync(join(project.path, folder), { recursive: true });
      writeFileSync(join(project.path, folder, 'in.txt'), folder.endsWith('a') ? 'keyed' : 'read');
    }
    return project;
  }

  const swapped = (folder: string): string => {
    const beside = folder.replace(/[^/]+$/, '');
    return `mv ${folder} ${beside}away; mv ${beside}other ${folder}; cat ${folder}/in.txt > out; mv ${folder} ${beside}other; mv ${beside}away ${folder}`;
  };

  test.each([
    ['a pattern', ['a/**'], swapped('a')],
    ['a name', ['a/in.txt'], swapped('a')],
    ['a pattern deeper down', ['p/**/*.txt'], swapped('p/a')],
    ['a folder above', ['p/a/in.txt'], 'mv p q; mkdir -p p/a; echo read > p/a/in.txt; cat p/a/in.txt > out; rm -r p; mv q p'],
    ['a name, and files that come and go after it', ['a/in.txt'], `${swapped('a')}; touch a/x; rm a/x`],
    ['the file itself', ['a/in.txt'], 'mv a/in.txt a/k; cp other/in.txt a/in.txt; cat a/in.txt > out; mv a/k a/in.txt'],
  ])('a folder swapped by rename and back, under %s: nothing is stored under the old key (I12)', async (_, inputs, step) => {
    using project = twoFolders();
    const { kinds, notStored } = await runIn(project, { build: { steps: [step], inputs, outputs: ['out'] } });
    expect(kinds).toEqual(['passed']);
    expect(readFileSync(join(project.path, 'out'), 'utf8').trim()).toBe('read');
    expect(notStored).toEqual([expect.stringMatching(/while the job ran/)]);
  });

  test('the target of a linked input, or the link itself, edited and put back while the job runs', async () => {
    using project = twoFolders();
    symlinkSync('a', join(project.path, 'src'));
    symlinkSync('a/in.txt', join(project.path, 'file'));
    for (const [inputs, step] of [
      [['src/**'], 'cp -p a/in.txt k; echo read > a/in.txt; cat src/in.txt > out; cp -p k a/in.txt; rm k'],
      [['file'], 'cp -p a/in.txt k; echo read > a/in.txt; cat file > out; cp -p k a/in.txt; rm k'],
      [['src/**'], 'rm src; ln -s other src; cat src/in.txt > out; rm src; ln -s a src'],
      [['file'], 'rm file; ln -s other/in.txt file; cat file > out; rm file; ln -s a/in.txt file'],
    ] as const) {
      const { kinds, notStored } = await runIn(project, { build: { steps: [step], inputs, outputs: ['out'] } });
      expect([step, kinds, notStored]).toEqual([step, ['passed'], [expect.stringMatching(/was written while the job ran/)]]);
    }
  });

  test('an output of a needed job that is edited before or while the dependant runs', async () => {
    using project = twoFolders();
    const make = { steps: ['echo handed > made'], inputs: ['a/in.txt'], outputs: ['made'] };
    const use = { needs: ['make'], inputs: ['other/in.txt'], outputs: ['out'] };
    const during = await runIn(project, {
      make,
      use: { ...use, steps: ['cp -p made k; echo edited > made; cat made > out; cp -p k made; rm k'] },
    });
    expect(during.notStored).toEqual(['"made", which "make" handed on, was written while the job ran']);
    // Between the two stands a job that nobody asked to touch it.
    const before = await runIn(project, {
      make,
      between: { needs: ['make'], steps: ['echo edited > made'] },
      use: { ...use, needs: ['make', 'between'], steps: ['cat made > out'] },
    });
    expect(before.kinds).toEqual(['cached', 'passed', 'passed']);
    expect(before.notStored).toEqual(['what "make" handed on was changed before the job began']);
  });

  test('jobs that make their outputs beside their inputs, and leave files about, are stored all the same', async () => {
    using project = twoFolders();
    const build = {
      steps: ['rm -rf a/gen; mkdir a/gen; cat a/in.txt > a/gen/x; touch a/gen/tmp; rm a/gen/tmp; touch log'],
      inputs: ['a/in.txt'],
      outputs: ['a/gen'],
    };
    expect(await runIn(project, { build })).toMatchObject({ kinds: ['passed'], notStored: [] });
    expect((await runIn(project, { build })).kinds).toEqual(['cached']);
  });
});
