import { SluiceError } from '#kernel';
import type { Deployment } from './deployment.ts';
import type { Setback } from './setback-record.ts';
import type { Store, Tx } from './store.ts';
import type { RolloutRecord } from './rollout-record.ts';

/** After so many tries in a row at one place a deployment gives up by itself. */
export const MOST_TRIES = 5;
/** And after so many more its rollout is ended without asking `decide`, which may be what fails. */
export const MOST_TRIES_TO_GIVE_UP = 2;

/** What passes by itself on a machine: connections, descriptors, memory, room. Anything else is the same the next time. */
const passing = new Set(
  'ECONNREFUSED ECONNRESET ECONNABORTED EPIPE ETIMEDOUT ENOTFOUND EAI_AGAIN EHOSTUNREACH ENETUNREACH EMFILE ENFILE ENOMEM ENOSPC EDQUOT EAGAIN EIO ENOBUFS'.split(
    ' ',
  ),
);
/** PostgreSQL: connection lost, not enough of something, the server stops or starts, taken back by itself. */
const passingStates = /^(?:08|53|57P|40)[0-9A-Z]*$/;

/** Whether an error says that something is away, or that this work cannot succeed as it is. */
export function kindOfSetback(error: unknown): Setback['kind'] {
  if (error instanceof SluiceError) return error.code === 'unavailable' ? 'waits' : 'counts';
  if (error instanceof AggregateError && error.errors.length > 0)
    return error.errors.some((one) => kindOfSetback(one) === 'counts') ? 'counts' : 'waits';
  const code: unknown = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && (passing.has(code) || passingStates.test(code)) ? 'waits' : 'counts';
}

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;

/** How long to wait before the next try: twice as long each time, and never longer than a person waits for a sign. */
export const pauseAfter = (tries: number): number => Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(10, tries - 1));

const longestMessage = 500;

/** An error as one line that a database stores and a person reads. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return text
    .slice(0, longestMessage)
    .toWellFormed()
    .replaceAll(/\p{Cc}+/gu, ' ')
    .trim();
}

/** The setback that stands: one from where the deployment is now. What failed further back was got over. */
export async function currentSetback(
  store: Pick<Store, 'setbacks'>,
  tx: Tx,
  deployment: Deployment,
  rollout: RolloutRecord | undefined,
): Promise<Setback | undefined> {
  const setback = await store.setbacks.of(tx, deployment.request.id);
  return setback?.place === placeOfSetback(deployment, rollout) ? setback : undefined;
}

/** Where a deployment stands, by name. */
export function placeOfSetback(deployment: Deployment | undefined, rollout: Pick<RolloutRecord, 'state'> | undefined): string {
  const { state } = rollout ?? {};
  const detail =
    state === undefined
      ? ''
      : state.kind === 'running'
        ? ` running ${state.at}`
        : state.kind === 'reverting'
          ? ` reverting ${state.step.kind}`
          : ` ${state.kind}`;
  return `${deployment?.state.kind ?? 'unread'}${detail}`;
}
