import { err, ok, SluiceError, type Isolation, type Result } from '#kernel';

/** What is known when a commit is to be delivered somewhere. */
export type Delivering = {
  readonly environment: string;
  readonly service: string;
  /** How the machine that delivers keeps a commit's definition, jobs and instances to themselves. */
  readonly isolation: Isolation;
  /** How its jobs were, when its release was made; undefined before there is one, and where nobody wrote it down. */
  readonly built: Isolation | undefined;
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
export function mayDeliver({ environment, service, isolation, built, approvals, lease, now }: Delivering): Result<Delivered, SluiceError> {
  if (isolation !== 'none' && built !== 'none') return ok('confined');
  if (approvals.length === 0) return ok('unprotected');
  if (lease !== undefined && lease.expiresAt > now) return ok('lowered');
  const fact = `${service} does not go to ${environment}, which asks for approvals`;
  const lower = `for a while: sluice lease grant sandbox --environment ${environment} --reason "…"`;
  if (isolation === 'none')
    return err(
      new SluiceError('conflict', `${fact}: this machine has no sandbox for what a commit brings`, {
        hint: `sluice doctor says what is in the way; ${lower}`,
      }),
    );
  return err(
    new SluiceError('conflict', `${fact}: it was built without a sandbox`, {
      hint: `deploy its commit again, which builds it in one; ${lower}`,
    }),
  );
}
