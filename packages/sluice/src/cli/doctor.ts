import type { Service } from '#define';

/** How one thing stands: fine, fine but worth knowing, or in the way. */
export type FindingState = 'pass' | 'warn' | 'fail';

/** One thing that was looked at, what was seen, and for all that is not fine the way out. */
export type Finding = { readonly about: string; readonly state: FindingState; readonly says: string; readonly hint?: string };

/** A service of the delivery to be tried, with everything that its variables name. */
export type ServiceTrial = {
  readonly name: string;
  readonly environment: string | undefined;
  readonly folder: string;
  /** Every service of the delivery: those whose address it is given are started as well. */
  readonly services: Readonly<Record<string, Service>>;
  readonly signal: AbortSignal;
};

/** Looks at this machine, and at a service as the agent runs it here. */
export interface Doctor {
  machine(): Promise<readonly Finding[]>;
  /** Starts one instance in a state folder of its own, tells which levels of the service contract hold, and stops it again. */
  service(trial: ServiceTrial): Promise<readonly Finding[]>;
}
