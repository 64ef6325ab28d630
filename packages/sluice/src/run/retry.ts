import { assertNever } from '#kernel';
import type { PlannedJob } from '#plan';
import type { Failure } from './job-result.ts';

/** Whether another attempt is due after this failure. An effect is never tried again: nobody knows how much of it happened. */
export function triesAgain(job: PlannedJob, attempt: number, failure: Failure): boolean {
  if (job.effect || attempt >= job.retry.attempts) return false;
  return job.retry.on.some((cause) => {
    switch (cause.kind) {
      case 'exit-code':
        return failure.kind === 'exit-code' && cause.codes.includes(failure.code);
      case 'signal':
      case 'timeout':
        return failure.kind === cause.kind;
      default:
        return assertNever(cause);
    }
  });
}
