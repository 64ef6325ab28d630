import type { JournalRecord } from '../engine/journal-record.ts';
import type { ClientRecord } from './client-log.ts';

/** What clients and engine agree and disagree on. */
export type Reconciliation = {
  readonly requests: number;
  readonly transportFailures: number;
  /** New orders that a client was told are placed. */
  readonly acknowledged: number;
  readonly acknowledgedCancels: number;
  /** Orders and cancels acknowledged to a client that the journal does not hold, and orders later denied to the client. */
  readonly lost: number;
  /** Orders and cancels that the journal holds more than once. */
  readonly doubled: number;
  readonly faultyByVersion: Readonly<Record<string, number>>;
  readonly journaledOrders: number;
  /** The first few identities behind `lost` and `doubled`, for whoever has to look. */
  readonly examples: readonly string[];
};

const EXAMPLES = 10;

/** Holds the clients' own record of every request against the engine's record of every change. */
export async function reconcile(requests: AsyncIterable<ClientRecord>, journal: Iterable<JournalRecord>): Promise<Reconciliation> {
  const journaled = { new: new Set<string>(), cancel: new Set<string>() };
  const doubled: string[] = [];
  for (const { command } of journal) {
    const seen = journaled[command.op];
    if (seen.has(command.clientOrderId)) doubled.push(command.clientOrderId);
    seen.add(command.clientOrderId);
  }

  const lost: string[] = [];
  const faulty = new Map<string, number>();
  const told = { new: new Set<string>(), cancel: new Set<string>() };
  let total = 0;
  let transportFailures = 0;
  for await (const request of requests) {
    total++;
    if ('error' in request) {
      transportFailures++;
      continue;
    }
    const { kind, status, version, clientOrderId } = request;
    if (status >= 500) faulty.set(version, (faulty.get(version) ?? 0) + 1);
    if (clientOrderId === undefined) continue;
    const change = acknowledgedChange(kind, status);
    if (change !== undefined) {
      told[change].add(clientOrderId);
      if (!journaled[change].has(clientOrderId)) lost.push(clientOrderId);
    }
    if (status === 404) lost.push(clientOrderId); // the client asks only for orders that were acknowledged to it
  }
  return {
    requests: total,
    transportFailures,
    acknowledged: told.new.size,
    acknowledgedCancels: told.cancel.size,
    lost: lost.length,
    doubled: doubled.length,
    faultyByVersion: Object.fromEntries(faulty),
    journaledOrders: journaled.new.size,
    examples: [...lost, ...doubled].slice(0, EXAMPLES),
  };
}

function acknowledgedChange(kind: ClientRecord['kind'], status: number): 'new' | 'cancel' | undefined {
  if (kind === 'new' && status === 201) return 'new';
  return kind === 'cancel' && status === 200 ? 'cancel' : undefined;
}
