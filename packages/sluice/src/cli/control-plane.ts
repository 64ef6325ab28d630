import type { Result, SluiceError } from '#kernel';
import type { LogReader } from '#ledger';
import type { Router, ServiceKey, Slot, SlotStatus } from '#rollout';
import type { ControlClient } from '#server';

/** The processes of one state folder, as commands reach them: the control plane by its API, agent and router by their own sockets. */
export interface ControlPlane {
  readonly stateFolder: string;
  /**
   * The API, as whoever the surroundings say: a machine (SLUICE_TOKEN), a person (the identity file, when there is one), or the operator, whose token lies in
   * the state folder. Throws one line when no control plane was started here.
   */
  client(identityFile?: string): Promise<ControlClient>;
  /** The router by its own socket: a revert waits for nobody else (I2). */
  router(): Promise<Router>;
  /** Every service the router knows. */
  services(): Promise<Result<readonly ServiceKey[], SluiceError>>;
  /** Everything the agent runs. */
  instances(): Promise<Result<HostListing, SluiceError>>;
  /** The logs of a slot's instances, newest file last: absolute paths. */
  logFiles(service: ServiceKey, slot: Slot): Promise<readonly string[]>;
  /** Runs the control plane until the signal aborts. `ready` is told once the API answers. */
  serve(options: ServeOptions): Promise<number>;
  /** Stops everything of this state folder: control plane, instances, agent, router, database. */
  down(): Promise<readonly string[]>;
  /** Where the record's files are exported to. */
  readonly ledgerFolder: string;
  /** Reads a folder of exported files. */
  openLog(folder: string): LogReader;
}

/** What runs on this host. */
type HostListing = {
  readonly pid: number;
  readonly router?: { readonly pid?: number; readonly restarts: number; readonly note?: string } | undefined;
  readonly slots: readonly SlotStatus[];
  readonly damaged: readonly string[];
};

/** How `serve` listens. */
export type ServeOptions = {
  readonly host: string;
  readonly port: number;
  /** Files with the cards of the first people. */
  readonly people: readonly string[];
  readonly signal: AbortSignal;
  readonly ready: (facts: { readonly url: string; readonly lines: readonly string[] }) => void;
  readonly say: (line: string) => void;
};
