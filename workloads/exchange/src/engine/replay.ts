import { isDeepStrictEqual } from 'node:util';
import type { JournalRecord } from './journal-record.ts';
import type { Venue } from './venue.ts';

/** This engine answers a journaled command differently from the engine that wrote it. */
export class ReplayDiffers extends Error {
  override readonly name = 'ReplayDiffers';
}

/**
 * Feeds records into a venue and compares every answer with the one that was given at the time: an engine whose matching differs
 * from its predecessor's would trade on another book than its clients believe in, so it must not start.
 */
export function replayInto(venue: Venue): (record: JournalRecord) => void {
  return ({ seq, command, answer }) => {
    const outcome = venue.apply(command);
    if (outcome.changed && isDeepStrictEqual(outcome.answer, answer)) return;
    throw new ReplayDiffers(
      `record ${seq} (order "${command.clientOrderId}") replays as ${JSON.stringify(outcome.answer)}, but ${JSON.stringify(answer)} was acknowledged; start the engine version that wrote this journal`,
    );
  };
}
