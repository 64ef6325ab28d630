import { join } from 'node:path';
import { writeFileDurably } from '#host';
import type { PipelineOutcome } from '#pipeline';

/** Where a run keeps what its gates said, beside `run.json`. */
export const outcomeFile = 'verdicts.json';

/** Keeps what the gates said beside the run. */
export async function keepOutcome(runFolder: string, { verdict, because, gates }: PipelineOutcome): Promise<void> {
  await writeFileDurably(join(runFolder, outcomeFile), `${JSON.stringify({ version: 1, verdict, because, gates }, undefined, 2)}\n`);
}
