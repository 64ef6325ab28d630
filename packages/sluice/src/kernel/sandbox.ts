/** One file or folder of the machine that a confined process sees, at a place that tells nothing of where it lies. */
export type Mount = { readonly from: string; readonly to: string; readonly access: 'read' | 'write' };

/** What a confined process can connect to: nothing, what it listens on itself, or whatever the machine can reach. */
export type Network = 'none' | 'loopback' | 'full';

/** Upper bounds, where the system has control groups; without a number there is none. */
export type ResourceLimits = {
  readonly memoryBytes?: number;
  readonly processes?: number;
  /** Of the private `/tmp`. */
  readonly scratchBytes?: number;
};

/** All that a confined process may reach. What is not named here is out of its sight: other folders, sockets, processes, descriptors above 2. */
export type Confinement = { readonly mounts: readonly Mount[]; readonly network: Network; readonly limits: ResourceLimits };

/** How well a machine keeps a process to itself: by bubblewrap, by the same namespaces made with util-linux, or not at all. */
export type Isolation = 'bubblewrap' | 'namespaces' | 'none';

/** A program, its arguments, and the folder it works in, as seen from inside. */
export type ConfinedProgram = { readonly command: string; readonly args: readonly string[]; readonly cwd: string };

/**
 * Keeps what comes from a commit away from what delivers it. `confine` only says how a program is started: whoever needs it starts the answer with the environment and
 * the descriptors 0 to 2 that the program shall have. SIGTERM to the started process reaches the program; when it ends, for whatever reason, the kernel ends all that is in it.
 */
export interface Sandbox {
  readonly isolation: Isolation;
  confine(program: ConfinedProgram, confinement: Confinement): { readonly command: string; readonly args: readonly string[] };
}
