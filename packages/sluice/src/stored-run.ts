import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { StoredRun } from '#cli';
import { checkStateFolder, readRegularFile } from '#host';
import { SluiceError, type Digest } from '#kernel';
import type { RunRecord } from '#run';
import { outcomeFile } from './run-outcome.ts';

/** A run of a state folder by its identifier or the beginning of one; the last one without. Throws one line when there is none, or when the folder is not ours. */
export async function storedRun(state: string, id: string | undefined): Promise<StoredRun> {
  await checkStateFolder(state);
  const runs = join(state, 'runs');
  const all = (await readdir(runs).catch((): string[] => [])).toSorted();
  const found = id === undefined ? all.slice(-1) : all.filter((name) => name.startsWith(id));
  const [name] = found;
  if (name === undefined)
    throw new SluiceError('notFound', id === undefined ? 'nothing was run here yet' : `no run "${id}" here`, {
      hint: 'sluice run makes one',
    });
  if (found.length > 1)
    throw new SluiceError('usage', `"${id ?? ''}" is the beginning of ${found.length} runs`, { hint: `for example ${name}` });
  const path = join(runs, name);
  const record = readDocument(join(path, 'run.json'), runRecord);
  if (record === undefined) throw new SluiceError('notFound', `run ${name} left no readable record`, { hint: `look into ${path}` });
  const judged = readDocument(join(path, outcomeFile), judgedRecord);
  return { folder: path, record, ...(judged === undefined ? {} : { judged }) };
}

/** The record of a run of 10,000 jobs has a tenth of it. */
const largestDocument = 64 * 1024 * 1024;

function readDocument<T>(path: string, schema: z.ZodType<T>): T | undefined {
  const read = readRegularFile(path, largestDocument, 'refuse');
  if (!read.ok) return undefined;
  try {
    const parsed = schema.safeParse(JSON.parse(read.value.toString('utf8')));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

/** Our own document: its outline is checked, so that a damaged one is told from a whole one; its jobs are as we wrote them. */
const runRecord = z.custom<RunRecord>(
  (value) =>
    z
      .looseObject({
        version: z.literal(1),
        runId: z.string(),
        jobs: z.record(z.string(), z.looseObject({ kind: z.string() })),
        state: z.looseObject({ kind: z.enum(['running', 'ended']) }),
      })
      .safeParse(value).success,
);

const digest = z.custom<Digest>((value) => typeof value === 'string' && value.startsWith('sha256:'));
const verdictKind = z.enum(['pass', 'fail', 'inconclusive']);
const judgedRecord = z.object({
  version: z.literal(1),
  verdict: verdictKind,
  because: z.string(),
  gates: z.array(
    z.object({
      gate: z.string(),
      policy: digest,
      digest,
      verdict: z.discriminatedUnion('kind', [
        z.object({ kind: z.literal('pass'), because: z.string(), evidence: z.array(digest) }),
        z.object({ kind: z.literal('fail'), because: z.string(), evidence: z.array(digest) }),
        z.object({ kind: z.literal('inconclusive'), because: z.string(), evidence: z.array(digest), hint: z.string().exactOptional() }),
      ]),
    }),
  ),
});
