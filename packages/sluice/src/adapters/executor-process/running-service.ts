import type { PlannedJob } from '#run';

/** A service that is ready. */
export type RunningService = {
  readonly env: Readonly<Record<string, string>>;
  /** Settles with the reason when it ends by itself. */
  readonly died: Promise<{ readonly because: string; readonly tail: string }>;
  stop(): Promise<void>;
};

/** Why a service is not there. */
export type ServiceRefusal = { readonly because: string; readonly tail: string } | 'cancelled';

export type ServiceRequest<Service> = {
  readonly name: string;
  readonly job: PlannedJob;
  readonly service: Service;
  readonly logFile: string;
  /** What the services before it told. */
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
};
