import type { Clock, Ids, Result, Sandbox, SluiceError } from '#kernel';
import type { Delivery } from '#define';
import type { RunMachine } from './run-machine.ts';
import type { ControlPlane } from './control-plane.ts';
import type { Doctor } from './doctor.ts';

/** Everything outside of a command, given by the wiring; what is heavy is loaded when it is asked for. */
export interface World {
  readonly version: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Aborts at the first Ctrl-C, SIGTERM or SIGHUP, with an `Interruption` as reason: the work shall stop cleanly. Until a command asks for it, such a signal ends the process at once. */
  readonly interrupt: AbortSignal;
  /** Aborts when the user asks a second time: whatever still runs is to end now. */
  readonly force: AbortSignal;
  /** Whether a stop was asked for: like `interrupt`, but reading it changes nothing. */
  readonly asked: AbortSignal;
  /** The command line that runs this very program in a new process. */
  readonly self: { readonly command: string; readonly args: readonly string[] };
  /** Where the reference exchange lies, for the demo; undefined when this installation came without it. */
  readonly exchangeFolder: string | undefined;
  /** A small file that a person named: its bytes, or why they cannot be had (`is a named pipe, not a file`). */
  readFile(path: string): Result<Uint8Array, string>;
  /** The nearest folder with a sluice.config, from the working directory upwards, and what it defines. */
  loadProject(): Promise<Result<Project, SluiceError>>;
  /** What it takes to run pipelines here. */
  runMachine(): Promise<RunMachine>;
  /** How this machine keeps what a commit brings to itself, and why not better. */
  isolation(): Promise<Pick<Sandbox, 'isolation' | 'because'>>;
  /** Looks at this machine and at services on it. */
  doctor(stateFolder: string | undefined): Promise<Doctor>;
  /** The control plane of this project, its agent and its router. */
  controlPlane(stateFolder: string | undefined): Promise<ControlPlane>;
}

/** A project as its configuration defines it. */
export type Project = {
  readonly folder: string;
  /** File name of the configuration, for messages. */
  readonly configFile: string;
  readonly delivery: Delivery;
};
