import type { Clock, Ids } from '#kernel';
import type { TrafficDeclaration } from '#rollout';
import type { EnvironmentPorts } from './ports.ts';
import type { Recorder } from './record.ts';
import type { RegisterReader } from './recorded-register.ts';
import type { IsSigned } from './record-agreement.ts';
import type { RolloutRecord } from './rollout-record.ts';
import type { Store, Tx } from './store.ts';
import type { Trigger } from './trigger-points.ts';

/** What every driver of one controller shares. */
export type DriverContext = {
  readonly executor: string;
  readonly store: Store;
  readonly record: Recorder;
  /** Who may do what, as the signed record has it. */
  readonly register: Pick<RegisterReader, 'plane' | 'current'>;
  readonly isSigned: IsSigned;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly environment: (name: string) => EnvironmentPorts;
  /** Whether forward effects in an environment wait for the signed log. */
  readonly isProtected: (environment: string) => boolean;
  /** How the router shall take a service's traffic. */
  readonly declarationOf: (rollout: RolloutRecord) => TrafficDeclaration;
  readonly trigger: Trigger;
  /** Aborts when the controller stops. */
  readonly signal: AbortSignal;
  /** A transaction that waits for the database to come back, however long: what happened has to be written down. */
  readonly persist: <T>(signal: AbortSignal, work: (tx: Tx) => Promise<T>) => Promise<T>;
};
