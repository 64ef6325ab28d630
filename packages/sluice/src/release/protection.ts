import { type Digest, err, ok, type Result, shortDigest, SluiceError } from '#kernel';

/** A release that is or was live: all of its traffic came to it and its commit point was passed. */
export type LiveRecord = { readonly environment: string; readonly service: string; readonly release: Digest };

/** Whether the release is live in every environment that must come first. */
export function mayEnter(
  order: { readonly release: Digest; readonly service: string; readonly environment: string; readonly after: readonly string[] },
  live: readonly LiveRecord[],
): Result<void, SluiceError> {
  const { release, service, environment, after } = order;
  const lacking = after.filter(
    (first) => !live.some((now) => now.environment === first && now.service === service && now.release === release),
  );
  if (lacking.length === 0) return ok(undefined);
  return err(
    new SluiceError(
      'conflict',
      `${service} ${shortDigest(release)} may not enter ${environment}: it is not live in ${lacking.join(', ')}`,
      {
        hint: `deploy it to ${lacking[0] ?? ''} first`,
      },
    ),
  );
}

/** What an earlier release needs to come back. */
export type RollbackAnswer =
  /** It was approved and live here before: a rollout without new approvals. */
  | { readonly kind: 'allowed' }
  | { readonly kind: 'live-already'; readonly because: string }
  /** It was never live here: it needs approvals like any other. */
  | { readonly kind: 'needs-approval'; readonly because: string };

/**
 * Whether a service may go back to a release without new approvals. `history` holds what was live, newest first, the present release included; a release that
 * was taken back before its commit point was never live.
 */
export function mayRollBackTo(
  history: readonly LiveRecord[],
  wanted: { readonly release: Digest; readonly service: string; readonly environment: string },
): RollbackAnswer {
  const { release, service, environment } = wanted;
  const here = history.filter((record) => record.environment === environment && record.service === service);
  if (here[0]?.release === release)
    return { kind: 'live-already', because: `${service} ${shortDigest(release)} is live in ${environment} already` };
  if (here.some((record) => record.release === release)) return { kind: 'allowed' };
  return { kind: 'needs-approval', because: `${service} ${shortDigest(release)} was never live in ${environment}` };
}
