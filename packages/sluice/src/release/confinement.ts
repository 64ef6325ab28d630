import { err, ok, SluiceError, type Isolation, type Result } from '#kernel';

/** What is known when a commit is to be delivered somewhere. */
export type Delivering = {
  readonly environment: string;
  readonly service: string;
  /** How the machine that delivers keeps a commit's definition, jobs and instances to themselves. */
  readonly isolation: Isolation;
  /** The functions whose approval the environment asks for. */
  readonly approvals: readonly string[];
  /** What lowers this for a while, if a person with that right granted it (I8). In epoch milliseconds. */
  readonly lease: { readonly expiresAt: number } | undefined;
  readonly now: number;
};

/** Behind walls; without them because nobody asks for approvals here; or without them because somebody lowered it for a while. */
export type Delivered = 'confined' | 'unprotected' | 'lowered';

/**
 * Whether a commit may be delivered into an environment. Who asks for approvals wants to know what enters: without walls a commit that was approved by nobody could read the keys,
 * or change what another one delivers, from its definition or its jobs on.
 */
export function mayDeliver({ environment, service, isolation, approvals, lease, now }: Delivering): Result<Delivered, SluiceError> {
  if (isolation !== 'none') return ok('confined');
  if (approvals.length === 0) return ok('unprotected');
  if (lease !== undefined && lease.expiresAt > now) return ok('lowered');
  return err(
    new SluiceError(
      'conflict',
      `${service} does not go to ${environment}, which asks for approvals: this machine has no sandbox for what a commit brings`,
      {
        hint: `sluice doctor says what is in the way; for a while: sluice lease grant sandbox --environment ${environment} --reason "…"`,
      },
    ),
  );
}
