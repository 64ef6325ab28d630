import { execFileSync } from 'node:child_process';
import { linkSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runIn, TestProject, type TestJob } from './cache-attack-rig.ts';

describe('41 · odd outputs', () => {
  const making = (step: string): TestJob => ({ steps: [`mkdir -p out; ${step}`], inputs: ['in.txt'], outputs: ['out'] });

  async function twice(project: TestProject, job: TestJob): Promise<readonly (readonly string[])[]> {
    writeFileSync(join(project.path, 'in.txt'), 'one');
    const first = await runIn(project, { job });
    rmSync(join(project.path, 'out'), { recursive: true });
    const second = await runIn(project, { job });
    return [first.notStored, second.kinds];
  }

  test.each([
    ['a link to a file outside', 'ln -s /etc/hostname out/x', /^"out\/x" is a link to \/etc\/hostname: only a relative one/],
    ['a relative link to outside', 'ln -s ../../.. out/x', /^"out\/x" is a link to \.\.\/\.\.\/\.\., which leads out of the project/],
    [
      'a link out over another link',
      'ln -s .. out/up; ln -s up/.. out/x',
      /^"out\/x" is a link to up\/\.\., which leads out of the project/,
    ],
    ['a pipe', 'mkfifo out/x', /^"out\/x" is neither a file, a folder nor a link/],
    ['a file of more than the cache holds', 'truncate -s 20G out/x', /^"out\/x" has 21474836480 bytes/],
    ['a file that runs as its owner', 'echo x > out/x; chmod 4755 out/x', /^"out\/x" runs with the rights of its owner/],
  ])('%s is refused at once, with its path, and never comes back half (I12)', async (_, step, because) => {
    using project = new TestProject();
    expect(await twice(project, making(step))).toEqual([[expect.stringMatching(because)], ['passed']]);
  });

  test('an output that is itself a link out is not stored', async () => {
    using project = new TestProject();
    writeFileSync(join(project.path, 'in.txt'), 'one');
    const job: TestJob = { steps: ['rm -rf out; ln -s /tmp out'], inputs: ['in.txt'], outputs: ['out'] };
    expect((await runIn(project, { job })).notStored).toEqual([expect.stringMatching(/^"out" is a link to \/tmp/)]);
    expect((await runIn(project, { job })).kinds).toEqual(['passed']);
  });

  test('a hit never leaves an output that shares its content with an input: one edit changes one file', async () => {
    using project = new TestProject();
    writeFileSync(join(project.path, 'in.txt'), 'one');
    const job = making('test -e out/x || cp in.txt out/x');
    expect((await runIn(project, { job })).kinds).toEqual(['passed']);
    rmSync(join(project.path, 'out/x'));
    writeFileSync(join(project.path, 'shared.txt'), 'one');
    linkSync(join(project.path, 'shared.txt'), join(project.path, 'out/x'));
    expect((await runIn(project, { job })).kinds).toEqual(['cached']);
    writeFileSync(join(project.path, 'out/x'), 'edited');
    expect(readFileSync(join(project.path, 'shared.txt'), 'utf8')).toBe('one');
    expect(statSync(join(project.path, 'out/x')).nlink).toBe(1);
  });

  test('names that are no UTF-8, links to them, holes, modes and sticky folders come back exactly', async () => {
    using project = new TestProject();
    const job = making(
      String.raw`printf x > "$(printf 'out/caf\351')"; ln -s "$(printf 'caf\351')" out/l; truncate -s 60M out/hole; printf end >> out/hole; printf s > out/none; chmod 000 out/none; mkdir -m 1777 out/t`,
    );
    // Whoever is no superuser may not read what he may not read, and is told so.
    if (process.getuid?.() !== 0) {
      expect(await twice(project, job)).toEqual([['"out/none" cannot be read: permission denied'], ['passed']]);
      return;
    }
    const shape = (): unknown =>
      readdirSync(join(project.path, 'out'), { encoding: 'buffer' })
        .toSorted((a, b) => Buffer.compare(a, b))
        .map((name) => {
          const stats = lstatSync(Buffer.concat([Buffer.from(join(project.path, 'out/')), name]));
          return [name.toString('latin1'), stats.mode, stats.isDirectory() ? 0 : stats.size];
        });
    writeFileSync(join(project.path, 'in.txt'), 'one');
    expect(await runIn(project, { job })).toMatchObject({ kinds: ['passed'], notStored: [] });
    const wanted = shape();
    rmSync(join(project.path, 'out'), { recursive: true });
    expect((await runIn(project, { job })).kinds).toEqual(['cached']);
    expect(shape()).toEqual(wanted);
    expect(execFileSync('tail', ['-c', '3', join(project.path, 'out/hole')], { encoding: 'utf8' })).toBe('end');
    const entry = readdirSync(join(project.path, '.sluice/cache/entries')).map((name) =>
      statSync(join(project.path, '.sluice/cache/entries', name)),
    );
    // What takes no room in the output takes none in the cache, and none again when it comes back.
    for (const { blocks } of [...entry, statSync(join(project.path, 'out/hole'))]) expect(blocks * 512).toBeLessThan(6e6);
  });

  test('an output that may not be read is told, and what depends on it is never taken from the cache', async () => {
    using project = new TestProject();
    writeFileSync(join(project.path, 'in.txt'), 'one');
    mkdirSync(join(project.path, 'build'));
    const make: TestJob = { steps: ['true'], inputs: ['in.txt'], outputs: ['dist'] };
    execFileSync('ln', ['-s', 'build', join(project.path, 'dist')]);
    const use: TestJob = { needs: ['make'], steps: ['cat build/x || true'], inputs: ['in.txt'] };
    for (let round = 0; round < 2; round += 1) expect((await runIn(project, { make, use })).kinds).toEqual(['passed', 'passed']);
  });
});
