import type { Isolation } from '#kernel';
import type { PipelineOutcome, PipelinePorts } from '#pipeline';
import type { RunRecord, UnresolvedEffect } from '#run';
import type { GateOutcome } from '#pipeline';

/** What it takes to run pipelines in a project folder of this machine. */
export interface RunMachine {
  /** Takes the project for one run; waits while another run works there. */
  open(order: OpenRunOrder): Promise<OpenRun>;
  /** The commit the folder is at, undefined outside of a repository or before the first commit. */
  commit(folder: string): Promise<{ readonly sha: string; readonly subject: string } | undefined>;
  /** Effects that began in this project and whose end nobody knows. */
  unresolvedEffects(folder: string): Promise<readonly UnresolvedEffect[]>;
  /** Keeps what the gates said beside the run. */
  keepOutcome(runFolder: string, outcome: PipelineOutcome): Promise<void>;
  /** A run of the project by its identifier or the beginning of one; the last one without. Throws one line when there is none. */
  storedRun(folder: string, id: string | undefined): Promise<StoredRun>;
}

export type OpenRunOrder = {
  readonly folder: string;
  /** Where runs of the folder keep what they read back, when not in its own `.sluice`: for checkouts, in which a commit may have put anything. */
  readonly state?: string;
  readonly runId: string;
  readonly secrets: Readonly<Record<string, string>>;
  /** `shared`: entries in a folder of several checkouts; `reads`: another such folder, which is read and never written. */
  readonly cache: 'use' | 'ignore' | { readonly shared: string; readonly reads?: string };
  /** Behind which walls jobs run: the best there are, these and no others, or none. */
  readonly sandbox: 'best' | Isolation;
  readonly signal: AbortSignal;
  /** Ends at once what the signal asked to end. */
  readonly force?: AbortSignal;
  readonly onWaiting: (holder: { readonly runId: string; readonly pid: number }) => void;
  readonly onLeftovers: (runId: string, processes: number) => void;
};

/** Everything a pipeline needs, held until disposed of. */
export type OpenRun = AsyncDisposable & {
  readonly ports: PipelinePorts;
  readonly isolation: Isolation;
  /** Why not a better one; empty for the best. */
  readonly because: string;
};

/** A run as it lies on disk; without `gates` it ended before it was judged. */
export type StoredRun = {
  readonly folder: string;
  readonly record: RunRecord;
  readonly judged?: { readonly verdict: PipelineOutcome['verdict']; readonly because: string; readonly gates: readonly GateOutcome[] };
};
