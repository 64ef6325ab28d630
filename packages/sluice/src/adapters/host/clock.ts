import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { ulid, type Clock, type Ids } from '#kernel';

/** This machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (ms, signal) => {
    await delay(ms, undefined, signal === undefined ? {} : { signal });
  },
};

/** This machine's randomness. */
export const systemIds: Ids = {
  next: () => ulid(Date.now(), randomBytes(10)),
  uuid: () => randomUUID(),
};
