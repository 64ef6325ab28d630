import type { SluiceError } from './errors.ts';
import type { Result } from './result.ts';

/**
 * One file or folder of the machine that a confined process sees, at a place that tells nothing of where it lies. `from` holds no link in any part of its path:
 * behind a link of a commit lies whatever the commit wants. Choose a `to` that no machine has: what lies there otherwise, programs of PATH included, is hidden by the mount.
 */
export type Mount = { readonly from: string; readonly to: string; readonly access: 'read' | 'write' };

/**
 * What a confined process can connect to: nothing outside (`none`), the same but with a loopback interface that is promised to be up (`loopback`), or whatever the
 * machine can reach (`full`), its loopback interface and abstract Unix sockets included.
 */
export type Network = 'none' | 'loopback' | 'full';

/** Upper bounds, as far as this machine can enforce them (`Sandbox.enforces`); without a number there is none. */
export type ResourceLimits = {
  /** Of all processes inside together. */
  readonly memoryBytes?: number;
  readonly processes?: number;
  /** Of the private `/tmp`, in which the home folder lies, and of `/dev/shm`, each. */
  readonly scratchBytes?: number;
};

/** All that a confined process may reach. What is not named here is out of its sight: other folders, sockets, processes, descriptors above 2. */
export type Confinement = { readonly mounts: readonly Mount[]; readonly network: Network; readonly limits: ResourceLimits };

/** How well a machine keeps a process to itself: by bubblewrap, by the same namespaces made with util-linux, or not at all. */
export type Isolation = 'bubblewrap' | 'namespaces' | 'none';

/** A program, its arguments, the folder it works in, as seen from inside, and its whole environment. */
export type ConfinedProgram = {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
};

/**
 * What to start so that a program runs confined. The environment is not the program's: variables like LD_PRELOAD would act on the programs that build the walls, outside of them,
 * so the program's own wait under other names until they are inside.
 */
export type ConfinedStart = {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
};

/**
 * Keeps what comes from a commit away from what delivers it. `confine` only says how a program is started: whoever needs it starts the answer with exactly its environment
 * and with the descriptors 0 to 2 that the program shall have. SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2 to the started process reach the program, and nothing but the program.
 * The started process ends with the program's exit code, 128 + n after signal n, and 125 where the walls could not be built; it ends after everything inside has.
 * When it is killed, the kernel kills all that is inside.
 */
export interface Sandbox {
  readonly isolation: Isolation;
  /** Why it is this one: what was tried before it, and what that said. One line, empty for the best. */
  readonly because: string;
  /** The limits that hold here; the others are only wishes. */
  readonly enforces: readonly (keyof ResourceLimits)[];
  /** Refused: a mount that is not there or leads through a link, a place that may not be mounted over, a name that no environment may hold. */
  confine(program: ConfinedProgram, confinement: Confinement): Result<ConfinedStart, SluiceError>;
  /** Where a confined process sees this file or folder of the machine: undefined when no mount holds it. The same path where nothing is confined. */
  seenAt(mounts: readonly Mount[], path: string): string | undefined;
}

/** The home folder that a confined process has for itself alone. It goes with the process. */
export const confinedHome = '/tmp/home';
