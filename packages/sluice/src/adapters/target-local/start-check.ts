import { err, ok, shortDigest, type Digest, type Result } from '#kernel';
import type { SlotOrder, TargetProblem } from '#rollout';
import { isSystemError, measureTree } from './archive.ts';
import { ArtifactProblem } from './artifact-tree.ts';
import { followStart, programsDigest, type StartPrograms } from './start-programs.ts';

/** What a slot has on disk, measured: the digest of its tree as it lies there now, and of the programs that its start command leads to now. */
export type Measured = {
  readonly order: SlotOrder;
  readonly tree: string;
  readonly artifact: Digest;
  readonly executable: Digest;
  readonly start: StartPrograms;
};

/** Measures the tree byte by byte, and what would run. */
export async function measure(order: SlotOrder, tree: string): Promise<Result<Measured, TargetProblem>> {
  try {
    const artifact = await measureTree(tree);
    const start = await followStart(order.start, tree);
    if (!start.ok) return err({ kind: 'refused', message: `${order.service}: ${start.error.message}` });
    return ok({ order, tree, artifact, executable: await programsDigest(start.value.programs), start: start.value });
  } catch (error) {
    if (error instanceof ArtifactProblem) return err({ kind: 'digest-mismatch', message: `${order.service}: ${error.message}` });
    if (isSystemError(error))
      return err({ kind: 'refused', message: `${order.service}: the artifact cannot be measured: ${error.message}` });
    throw error;
  }
}

/** Why what lies on disk may not be started, or undefined when it is what was placed. */
export function problemBeforeStart({ order, artifact, executable, start }: Measured): string | undefined {
  if (artifact !== order.artifact)
    return `not started: its artifact on disk was changed: it is ${shortDigest(artifact)}, placed was ${shortDigest(order.artifact)}: deploy again`;
  if (executable !== order.executable)
    return `not started: ${start.programs.join(', ')} is ${shortDigest(executable)}, the release says ${shortDigest(order.executable)}: build the release anew for this host`;
  return undefined;
}

/**
 * Measures that never answer with what was seen before they were asked: who asks while one runs gets the next one, together with everybody else who waits. So many
 * instances that start again at once cost two measurements, not one each.
 */
export class SharedMeasurement {
  readonly #work: () => Promise<Result<Measured, TargetProblem>>;
  #running: Promise<unknown> = Promise.resolve();
  #next: Promise<Result<Measured, TargetProblem>> | undefined;

  constructor(work: () => Promise<Result<Measured, TargetProblem>>) {
    this.#work = work;
  }

  async take(): Promise<Result<Measured, TargetProblem>> {
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      const work = this.#work();
      this.#running = work.catch(() => undefined);
      return work;
    });
    return this.#next;
  }
}
