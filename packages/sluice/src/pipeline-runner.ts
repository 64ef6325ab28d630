import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { secretRefusal, type Grant } from '#access';
import { runPipeline, type PipelineOutcome } from '#pipeline';
import { loadConfigIsolated } from '#config-file';
import { own, err, ok, SluiceError, toWireError, fromWireError, type Result } from '#kernel';
import { plan, planError, checkDelivery, type Plan } from '#plan';
import type { ReportItem } from '#gate';
import {
  notGranted,
  type ArtifactBuilder,
  type CommitTrust,
  type PipelineOutcome as JudgedRun,
  type PipelineRunner,
  type RecordedEvidence,
} from '#workflow';
import { committedFiles } from '#source-git';
import { packArtifact } from '#target-local';
import type { RunMachine } from '#cli';
import { systemClock } from '#host';

/** What the work on a commit is told by the control plane: plain data. */
export type PipelineSettings = {
  /** How many jobs of one run go at a time under the control plane, which shares the machine with what it delivers. */
  readonly parallel: number;
  readonly path: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where runs and results of jobs are kept for the checkouts of all commits, and not in a checkout, in which a commit may have put anything. */
  readonly stateFolder: string;
  /** Who is given which secret, by the definition that `serve` was started with: never by that of a commit. */
  readonly grants: ReadonlyMap<string, Grant>;
};

/** Runs the pipeline of a commit: its definition is read in a process of its own, before anything else is done with it. */
export const commitPipelines = (settings: PipelineSettings & { readonly machine: RunMachine }): PipelineRunner => ({
  run: async ({ run, commit, folder, pipeline, trust, protectedRefs, signal }) => {
    const foreign = foreignState(folder);
    if (foreign !== undefined) return err(foreign);
    const planned = await planCommit(folder, pipeline, settings);
    if (!planned.ok) return planned;
    const { plan: made, services } = planned.value;
    const secrets = secretsOf(made, settings, { refs: trust.refs, protectedRefs });
    if (!secrets.ok) return secrets;
    const startedAt = systemClock.now();
    try {
      await using open = await settings.machine.open({
        folder,
        state: settings.stateFolder,
        runId: run,
        secrets: secrets.value,
        cache: cacheFor(settings.stateFolder, trust),
        sandbox: 'best',
        signal,
        onWaiting: () => undefined,
        onLeftovers: () => undefined,
      });
      const outcome = await runPipeline(made, open.ports, {
        runId: run,
        commit: commit.sha,
        parallel: settings.parallel,
        onFailure: 'fail-fast',
        secrets: secrets.value,
        output: 'file',
        isolation: open.isolation,
        signal,
        onEvent: () => undefined,
      });
      await settings.machine.keepOutcome(outcome.run.folder, outcome);
      const outputs = made.jobs.flatMap((job) => job.outputs.map((path) => ({ job: job.name, path })));
      return ok({ ...summary(outcome, made), startedAt, services, outputs, isolation: open.isolation });
    } catch (error) {
      // A disk that is full, a process table that is: the commit was not judged, and the deployment says why.
      return err(error instanceof SluiceError ? error : fromWireError(toWireError(error)));
    }
  },
});

/** A commit that brings state of ours with it tries to be believed, or does so by mistake. */
function foreignState(folder: string): SluiceError | undefined {
  if (lstatSync(join(folder, '.sluice'), { throwIfNoEntry: false }) === undefined) return undefined;
  return new SluiceError('config', 'the commit holds .sluice, which is the state of one machine and never part of a commit', {
    hint: 'git rm -r -q --cached .sluice, add .sluice/ to .gitignore, commit, and deploy that',
  });
}

/** Where results are kept: those of commits on protected refs, and those of all others, who read the first too and never write it. */
function cacheFor(stateFolder: string, { isProtected }: CommitTrust): { readonly shared: string; readonly reads?: string } {
  const [trusted, open] = ['protected', 'open'].map((scope) => join(stateFolder, 'cache', scope)) as [string, string];
  return isProtected ? { shared: trusted } : { shared: open, reads: trusted };
}

type Planned = { readonly plan: Plan; readonly services: JudgedRun['services'] };

async function planCommit(folder: string, pipeline: string, settings: PipelineSettings): Promise<Result<Planned, SluiceError>> {
  const loaded = await loadConfigIsolated(folder, { path: settings.path });
  if (!loaded.ok) return loaded;
  const { configFile, delivery } = loaded.value;
  const checked = checkDelivery(delivery);
  if (!checked.ok) return err(planError(checked.error, configFile));
  const made = plan(delivery, { pipeline });
  if (!made.ok) return err(planError(made.error, configFile));
  // Exit codes alone are no evidence to deploy on: told before the pipeline has run for minutes.
  if (made.value.gates.length === 0)
    return err(
      new SluiceError('config', `${configFile}: the pipeline "${pipeline}" has no gate, so nothing would be judged`, {
        hint: 'declare one, for example gates: { tests: tests({ from: [...] }) }, or deploy with another --pipeline',
      }),
    );
  return ok({ plan: made.value, services: checked.value.services });
}

function secretsOf(
  made: Plan,
  { env, grants }: Pick<PipelineSettings, 'env' | 'grants'>,
  at: { readonly refs: readonly string[]; readonly protectedRefs: readonly string[] },
): Result<Readonly<Record<string, string>>, SluiceError> {
  for (const { job, secrets } of made.jobs) {
    for (const name of secrets) {
      const refusal = secretRefusal(name, { kind: 'job', job }, { grants, ...at });
      if (refusal !== undefined) return err(notGranted(refusal));
    }
  }
  const names = [...new Set(made.jobs.flatMap((job) => job.secrets))];
  const missing = names.filter((name) => (own(env, name) ?? '') === '');
  if (missing.length === 0) return ok(Object.fromEntries(names.map((name) => [name, own(env, name) ?? ''])));
  return err(
    new SluiceError('config', `secrets that the pipeline needs are not set: ${missing.join(', ')}`, {
      hint: 'put them into the environment of sluice serve',
    }),
  );
}

/** What the record keeps of a run: counts, digests and verdicts, no text that a person wrote. */
function summary(outcome: PipelineOutcome, made: Plan): Omit<JudgedRun, 'startedAt' | 'services'> {
  const { run, gates, evidence, verdict, because } = outcome;
  const kinds = [...run.jobs.values()].map((result) => result.kind);
  const countOf = (...wanted: readonly string[]): number => kinds.filter((kind) => wanted.includes(kind)).length;
  return {
    run: run.runId,
    plan: made.digest,
    durationMs: Math.round(run.durationMs),
    jobs: {
      passed: countOf('passed', 'confirmed'),
      failed: countOf('failed'),
      skipped: countOf('skipped', 'cancelled', 'unknown-effect'),
      cached: countOf('cached'),
    },
    evidence: evidence.flatMap(recorded),
    verdict,
    because,
    verdicts: gates.map(({ gate, verdict: said, policy, digest }) => ({
      gate,
      kind: said.kind,
      because: said.because,
      digest,
      policy,
      evidence: said.evidence,
    })),
  };
}

function recorded({ job, format, outcome }: ReportItem): readonly RecordedEvidence[] {
  if (outcome.kind !== 'evidence') return [];
  const { evidence } = outcome;
  if (evidence.kind === 'tests') {
    const { executed, passed, failed, skipped, flaky } = evidence;
    return [{ job, format, reportDigest: evidence.digest, counts: { executed, passed, failed, skipped, flaky } }];
  }
  const { files } = evidence;
  const lines = files.reduce((total, file) => total + file.lines.found, 0);
  const linesHit = files.reduce((total, file) => total + file.lines.hit, 0);
  const counts = { files: files.length, lines, linesHit };
  return [{ job, format, reportDigest: evidence.digest, counts }];
}

/** Packs artifacts into the archive folder of a state folder, each file compared with the commit of the repository that it is packed for. */
export const localArtifacts = (stateFolder: string, repository: string): ArtifactBuilder => ({
  build: async ({ name, service, folder, commit, outputs }) => {
    const tracked = await committedFiles(repository, commit);
    if (!tracked.ok) return tracked;
    const packed = await packArtifact(folder, service.files, join(stateFolder, 'archives'), {
      label: `services.${name}.files`,
      provenance: { commit, tracked: tracked.value, outputs },
    });
    if (!packed.ok) return err(new SluiceError('config', packed.error.message));
    const { digest, path, contents } = packed.value;
    return ok({ artifact: digest, archive: path, ...(contents === undefined ? {} : { contents }) });
  },
});
