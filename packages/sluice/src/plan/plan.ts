import type { Digest } from '#kernel';
import type { Gate, Job } from '#define';

/** One job of a plan: a cell of a matrix or a job as it stands; `name` is unique in the plan, e.g. `unit (node=24)`. */
export type PlannedJob = Omit<Job, 'matrix' | 'needs'> & {
  readonly name: string;
  /** The job of the definition it comes from. */
  readonly job: string;
  readonly cell: Readonly<Record<string, string | number>>;
  /** Names of planned jobs. */
  readonly needs: readonly string[];
  /** Digest of everything the definition says of this job; part of its cache key. */
  readonly definition: Digest;
};

/** A gate of a plan; `from` names planned jobs. */
export type PlannedGate = { readonly name: string; readonly gate: Gate; readonly from: readonly string[] };

/** A validated, expanded, ordered pipeline: plain data, printable, diffable. Jobs stand after everything they need. */
export type Plan = {
  readonly delivery: string;
  readonly pipeline: string;
  readonly jobs: readonly PlannedJob[];
  readonly gates: readonly PlannedGate[];
  /** Digest of all of the above. */
  readonly digest: Digest;
};
