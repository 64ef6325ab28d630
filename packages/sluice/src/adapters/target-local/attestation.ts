import { readlink, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { err, ok, visibleText, type Digest, type Result } from '#kernel';
import { isRunning, type ProcessIdentity } from '#host';
import type { Attestation, TargetProblem } from '#rollout';
import { isSystemError } from './archive.ts';
import { programDigest } from './executable.ts';
import { foreignCode } from './foreign-code.ts';
import { httpCall } from './http-call.ts';
import type { Instance } from './instance.ts';
import { packagesAbove } from './neutral-trees.ts';
import { familyMembers, isOutside, listenersOf } from './process-family.ts';
import type { Measured } from './start-check.ts';

const VERSION_CALL_MS = 2_000;
/** What a service says and how its files are called is told with at most so many characters, all of them visible. */
const LONGEST_WORD = 300;

/**
 * Measures one instance: the file that its process executes, and that of whatever listens on its port; the folder it works in; what it loaded from elsewhere. The process must
 * be the same one before and after, or the measurement would be of two. What it says of itself stands beside, for comparison only (I6).
 */
export async function attestInstance(measured: Measured, instance: Instance): Promise<Result<Attestation, TargetProblem>> {
  const { name, endpoint, note } = instance.status();
  const leader = instance.identity();
  const family = instance.family();
  const refuse = (message: string): Result<never, TargetProblem> => err({ kind: 'refused', message: `${name}: ${message}` });
  if (leader === undefined || family === undefined || endpoint === undefined)
    return refuse(`is not running${note === undefined ? '' : ` (${note})`}: nothing to attest`);
  if (process.platform !== 'linux') return refuse('what a process runs can be measured on Linux only');
  try {
    const place = instance.place();
    const program = instance.program();
    if (program === undefined) return refuse('its program does not run yet: attest again');
    if (!(await isSameFile(`/proc/${program.pid}/cwd`, measured.tree)))
      return err({
        kind: 'digest-mismatch',
        message: `${name}: runs in ${await readlink(`/proc/${program.pid}/cwd`)}, not in its artifact`,
      });
    const running = await runningProgram([program, ...listenersOf(family, endpoint.port)], measured, place.tree);
    const members = familyMembers(family).filter((member) => place.isolation === 'none' || !isOutside(member));
    const reach = place.isolation === 'none' ? packagesAbove(measured.tree) : [];
    const foreign = [
      ...foreignCode(
        members.map(({ pid }) => pid),
        { tree: place.tree, programs: measured.start.programs },
      ),
      ...reach,
    ];
    const selfReported = await selfReport(endpoint);
    if (!isRunning(leader) || !isRunning(program)) return refuse('ended while it was measured: attest again');
    return ok({
      instance: name,
      pid: leader.pid,
      artifact: measured.artifact,
      executable: running.digest,
      program: { runs: visibleText(running.path, LONGEST_WORD), ordered: visibleText(measured.start.programs.join(', '), LONGEST_WORD) },
      ...(foreign.length === 0 ? {} : { foreign: foreign.map((path) => visibleText(path, LONGEST_WORD)) }),
      ...(selfReported === undefined ? {} : { selfReported }),
    });
  } catch (error) {
    if (isSystemError(error)) return refuse(`cannot be measured: ${error.message}`);
    throw error;
  }
}

/**
 * What serves: all of it must be a program that the start command leads to, or a file of the artifact, which is in its digest. The first that is neither is told as what runs.
 * The link in /proc leads to the very file, even when its name has another file now.
 */
async function runningProgram(
  processes: readonly ProcessIdentity[],
  measured: Measured,
  treeInside: string,
): Promise<{ readonly digest: Digest; readonly path: string }> {
  const approved = await Promise.all(measured.start.programs.map(programDigest));
  const paths: string[] = [];
  for (const { pid } of processes) {
    const exe = `/proc/${pid}/exe`;
    const path = await readlink(exe);
    paths.push(path);
    const digest = await programDigest(exe);
    if (approved.includes(digest)) continue;
    const within = relative(treeInside, path);
    if (!within.startsWith('..') && (await isSameFile(exe, join(measured.tree, within)))) continue;
    return { digest, path };
  }
  return { digest: measured.executable, path: paths[0] ?? '' };
}

async function isSameFile(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([stat(one, { bigint: true }), stat(other, { bigint: true }).catch(() => undefined)]);
  return b !== undefined && a.dev === b.dev && a.ino === b.ino;
}

async function selfReport(endpoint: { readonly host: string; readonly port: number }): Promise<Attestation['selfReported']> {
  const answer = await httpCall(endpoint, { method: 'GET', path: '/version', within: VERSION_CALL_MS });
  if (answer.kind !== 'answered' || answer.status !== 200) return undefined;
  try {
    const said: unknown = JSON.parse(answer.body);
    if (typeof said !== 'object' || said === null) return undefined;
    const { version, digest } = said as { readonly version?: unknown; readonly digest?: unknown };
    return {
      ...(typeof version === 'string' ? { version: visibleText(version, LONGEST_WORD) } : {}),
      ...(typeof digest === 'string' ? { digest: visibleText(digest, LONGEST_WORD) } : {}),
    };
  } catch {
    return undefined;
  }
}
