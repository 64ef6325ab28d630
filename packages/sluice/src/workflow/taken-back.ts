import { SluiceError, type Digest } from '#kernel';
import type { Deployment } from './deployment.ts';
import type { Store, Tx } from './store.ts';

type Reverted = Extract<Deployment['state'], { readonly kind: 'reverted' }>;

/** A deployment that was taken back. */
export type TakenBack = { readonly deployment: string; readonly state: Reverted };

/** As far back as somebody remembers what was tried here. */
const lookedAt = 100;

/** The last time that this release, or another of the same commit, was live or tried here, when that ended with it being taken back; undefined when it went well since. */
export async function lastTakenBack(
  store: Pick<Store, 'deployments'>,
  tx: Tx,
  place: { readonly environment: string; readonly service: string },
  wanted: { readonly release?: Digest; readonly commit?: string },
): Promise<TakenBack | undefined> {
  const tried = await store.deployments.list(tx, { ...place, kinds: ['reverted', 'live'], limit: lookedAt });
  const last = tried.find(
    ({ state }) =>
      (state.kind === 'reverted' || state.kind === 'live') &&
      (state.release.digest === wanted.release || state.release.commit === wanted.commit),
  );
  return last?.state.kind === 'reverted' ? { deployment: last.request.id, state: last.state } : undefined;
}

/** Names what was taken back, when and why, and how to ask for it all the same. */
export function takenBackError(
  { environment, service }: { readonly environment: string; readonly service: string },
  { deployment, state }: TakenBack,
  ask: string,
): SluiceError {
  const fact = `${service} ${state.release.version} was taken back in ${environment} at ${state.at}: ${state.because}`;
  return new SluiceError('conflict', fact, {
    details: { deployment },
    hint: `read what happened (sluice ledger timeline ${deployment}); to try it all the same: ${ask} --again --reason "…"`,
  });
}
