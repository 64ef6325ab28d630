import { readlink, realpath } from 'node:fs/promises';
import { err, ok, type Digest, type Result } from '#kernel';
import { isRunning } from '#host';
import type { Attestation, SlotOrder, TargetProblem } from '#rollout';
import { isSystemError, measureTree } from './archive.ts';
import { ArtifactProblem } from './artifact-tree.ts';
import { programDigest, resolveProgram } from './executable.ts';
import { httpCall } from './http-call.ts';
import type { Instance } from './instance.ts';

/** What the instances of a slot were started from; `artifact` is the digest of the tree as it lies on disk now. */
export type Measured = { readonly order: SlotOrder; readonly tree: string; readonly artifact: Digest };

const VERSION_CALL_MS = 2_000;

/** Measures the tree of a slot byte by byte, once for all of its instances. */
export async function measureArtifact(order: SlotOrder, tree: string): Promise<Result<Measured, TargetProblem>> {
  try {
    return ok({ order, tree, artifact: await measureTree(tree) });
  } catch (error) {
    if (error instanceof ArtifactProblem) return err({ kind: 'digest-mismatch', message: `${order.service}: ${error.message}` });
    if (isSystemError(error))
      return err({ kind: 'refused', message: `${order.service}: the artifact cannot be measured: ${error.message}` });
    throw error;
  }
}

/**
 * Measures one instance: the file its process executes, the folder it works in. The process must be the same one before and after,
 * or the measurement would be of two. What it says of itself stands beside, for comparison only (I6).
 */
export async function attestInstance(measured: Measured, instance: Instance): Promise<Result<Attestation, TargetProblem>> {
  const { name, endpoint, note } = instance.status();
  const identity = instance.identity();
  const refuse = (message: string): Result<never, TargetProblem> => err({ kind: 'refused', message: `${name}: ${message}` });
  if (identity === undefined || endpoint === undefined)
    return refuse(`is not running${note === undefined ? '' : ` (${note})`}: nothing to attest`);
  try {
    const folder = await workingFolder(identity.pid, measured.tree);
    if (folder !== (await realpath(measured.tree)))
      return err({ kind: 'digest-mismatch', message: `${name}: runs in ${folder}, not in its artifact` });
    const { artifact } = measured;
    const executable = await runningExecutable(identity.pid, measured);
    const selfReported = await selfReport(endpoint);
    if (!isRunning(identity)) return refuse('ended while it was measured: attest again');
    return ok({ instance: name, pid: identity.pid, artifact, executable, ...(selfReported === undefined ? {} : { selfReported }) });
  } catch (error) {
    if (isSystemError(error)) return refuse(`cannot be measured: ${error.message}`);
    throw error;
  }
}

async function workingFolder(pid: number, tree: string): Promise<string> {
  return process.platform === 'linux' ? readlink(`/proc/${pid}/cwd`) : realpath(tree);
}

/** The link in /proc leads to the very file, even when its name has another file now. */
async function runningExecutable(pid: number, { order, tree }: Measured): Promise<Digest> {
  if (process.platform === 'linux') return programDigest(`/proc/${pid}/exe`);
  const program = await resolveProgram(order.start[0], tree);
  return programDigest(program.ok ? program.value.binary : order.start[0]);
}

async function selfReport(endpoint: { readonly host: string; readonly port: number }): Promise<Attestation['selfReported']> {
  const answer = await httpCall(endpoint, { method: 'GET', path: '/version', within: VERSION_CALL_MS });
  if (answer.kind !== 'answered' || answer.status !== 200) return undefined;
  try {
    const said: unknown = JSON.parse(answer.body);
    if (typeof said !== 'object' || said === null) return undefined;
    const { version, digest } = said as { readonly version?: unknown; readonly digest?: unknown };
    return { ...(typeof version === 'string' ? { version } : {}), ...(typeof digest === 'string' ? { digest } : {}) };
  } catch {
    return undefined;
  }
}
