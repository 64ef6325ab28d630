import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Grant } from '#access';
import { systemIds } from '#host';
import type { PipelineOutcome } from '#workflow';
import { commitPipelines } from '../src/pipeline-runner.ts';
import { localRunMachine } from '../src/run-machine.ts';
import { commitOf } from '../src/workflow/fixtures/world.ts';

const path = process.env['PATH'] ?? '/usr/bin:/bin';

/** What the serving side says of a commit, and what the commit brings. */
export type CommitFacts = {
  readonly grants?: Readonly<Record<string, Grant>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly refs: readonly string[];
  /** The commit's own definition: the argument of `defineDelivery`. */
  readonly definition: string;
  readonly files?: Readonly<Record<string, string>>;
};

/** The runner of the control plane over real checkouts in a folder of their own. */
export class CommitRig implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'sluice-attack-'));

  /** Runs the pipeline of a commit as `serve` does, with `main` protected. */
  async run({ grants = {}, env = {}, refs, definition, files = {} }: CommitFacts): Promise<{
    readonly said: string;
    readonly outcome: PipelineOutcome | undefined;
    readonly read: (file: string) => string;
  }> {
    const checkout = join(this.folder, systemIds.next());
    await mkdir(checkout);
    await mkdir(join(this.folder, 'state'), { recursive: true, mode: 0o700 });
    for (const [name, text] of Object.entries(files)) await writeFile(join(checkout, name), text);
    writeFileSync(
      join(checkout, 'sluice.config.ts'),
      `import { defineDelivery, grant, job, junit, tests } from 'sluice'; export default defineDelivery(${definition});`,
    );
    const pipelines = commitPipelines({
      parallel: 1,
      path,
      env,
      machine: localRunMachine({ path, home: '/nowhere' }),
      stateFolder: join(this.folder, 'state'),
      grants: new Map(Object.entries(grants)),
    });
    const outcome = await pipelines.run({
      run: systemIds.next(),
      commit: commitOf('v1.0.0'),
      folder: checkout,
      pipeline: 'default',
      trust: { refs, isProtected: refs.includes('refs/heads/main') },
      protectedRefs: ['main'],
      signal: new AbortController().signal,
    });
    return {
      said: outcome.ok ? outcome.value.because : outcome.error.message,
      outcome: outcome.ok ? outcome.value : undefined,
      read: (file) => readFileSync(join(checkout, file), 'utf8'),
    };
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A gate that passes: what is judged does not matter here. */
export const passingGate = `gates: { tests: tests({ from: ['work'] }) }`;
export const passingReport = `'printf "<testsuite name=\\\\"t\\\\" tests=\\\\"1\\\\"><testcase name=\\\\"a\\\\" classname=\\\\"t\\\\"/></testsuite>" > report.xml'`;
