import { systemClock } from '#host';
import { endLeftovers } from './leftovers.ts';

/** Started by the watchdog's shell when the runner is gone without having said goodbye. */
const [runId = '', folder = '', scratch = ''] = process.argv.slice(2);
await endLeftovers({ runId, folder, scratch }, systemClock);
