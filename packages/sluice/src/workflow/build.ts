import { err, isoTime, ok, SluiceError, wholeName, type Json, type Result } from '#kernel';
import { releaseDigest, type ReleaseBundle } from '#release';
import type { TargetProblem } from '#rollout';
import type { DeploymentState } from './deployment.ts';
import type { ArtifactBuilder, EnvironmentPorts } from './ports.ts';
import type { ReleasedService, ReleaseRecord } from './records.ts';

type Judged = Extract<DeploymentState, { readonly kind: 'judged' }>;

/** Makes the release of a judged commit: every service packed, and one digest over all of it. The same commit gives the same release. */
export async function buildRelease(facts: {
  readonly state: Judged;
  readonly pipeline: string;
  readonly folder: string;
  readonly artifacts: ArtifactBuilder;
  readonly target: EnvironmentPorts['target'];
  readonly now: number;
  readonly signal: AbortSignal;
}): Promise<Result<ReleaseRecord, SluiceError>> {
  const { state, pipeline, folder, artifacts, target, now, signal } = facts;
  const services: Record<string, ReleasedService> = {};
  for (const [name, definition] of Object.entries(state.services)) {
    const built = await artifacts.build({
      name,
      service: definition,
      folder,
      commit: state.commit.sha,
      outputs: state.outputs ?? [],
      signal,
    });
    if (!built.ok) return built;
    const executable = await target.resolveExecutable(definition.start, built.value);
    if (!executable.ok && executable.error.kind === 'unreachable')
      throw new SluiceError('unavailable', `service "${name}": ${executable.error.message}`, { hint: 'it goes on once the agent answers' });
    if (!executable.ok) return err(unresolved(name, definition.start, executable.error));
    services[name] = { definition, ...built.value, executable: executable.value };
  }
  const bundle = bundleOf(services);
  return ok({
    digest: releaseDigest(bundle),
    version: versionOf(state.commit),
    commit: state.commit,
    pipeline,
    run: state.run,
    services,
    bundle,
    verdicts: state.verdicts,
    scope: state.scope ?? 'open',
    ...(state.isolation === undefined ? {} : { isolation: state.isolation }),
    createdAt: isoTime(now),
  });
}

/** What the digest of a release is over. */
export function bundleOf(services: Readonly<Record<string, ReleasedService>>): ReleaseBundle {
  const entries = Object.entries(services);
  const each = <T>(of: (service: ReleasedService) => T): Record<string, T> =>
    Object.fromEntries(entries.map(([name, service]) => [name, of(service)]));
  return {
    artifacts: each(({ artifact, executable, contents }) => {
      const generated = contents?.generated ?? [];
      return generated.length === 0 ? { artifact, executable } : { artifact, executable, generated };
    }),
    config: each(({ definition: { env: _env, ...config } }) => config as unknown as Json),
    parameters: each(({ definition }) => definition.env),
    flags: {},
    limits: {},
    schemaChanges: [],
  };
}

const semantic = wholeName('version');

/** The commit's semantic version tag; without one a version below all others that names the commit. */
const versionOf = (commit: { readonly sha: string; readonly tags: readonly string[] }): string =>
  commit.tags.find((tag) => semantic.test(tag)) ?? `0.0.0-${commit.sha.slice(0, 12)}`;

const unresolved = (service: string, start: readonly string[], problem: TargetProblem): SluiceError =>
  new SluiceError(
    problem.kind === 'refused' ? 'config' : 'unavailable',
    `service "${service}" cannot be started by "${start.join(' ')}": ${problem.message}`,
    {
      hint:
        problem.kind === 'refused'
          ? 'what may start a service: docs/concepts/service-contract.md'
          : 'look at "sluice status": the agent must run',
    },
  );
