import { mkdir, rm } from 'node:fs/promises';
import { err, ok, shortDigest, type Result } from '#kernel';
import type { SlotOrder, TargetProblem } from '#rollout';
import { programDigest, resolveProgram } from './executable.ts';
import { extractArchive } from './extract.ts';
import { lastingFolder, logFolder, type Layout } from './layout.ts';
import { readSecrets } from './secrets.ts';

/** What an order needs on disk before its instances start. */
export type Prepared = { readonly tree: string; readonly program: string };

/** Everything of an order that can be refused, before anything of the slot changes. May be repeated. */
export async function prepare(layout: Layout, order: SlotOrder): Promise<Result<Prepared, TargetProblem>> {
  const secrets = await readSecrets(layout.secrets, order.service.split('/')[0] ?? '', order.secrets);
  if (!secrets.ok) return secrets;
  const extracted = await extractArchive(order.archive, order.artifact, layout.trees);
  if (!extracted.ok) return extracted;
  const program = await resolveProgram(order.start[0], extracted.value);
  if (!program.ok) return err({ kind: 'refused', message: `${order.service}: ${program.error.message}` });
  const digest = await programDigest(program.value.binary);
  if (digest !== order.executable)
    return err({
      kind: 'digest-mismatch',
      message: `${order.service}: ${program.value.binary} is ${shortDigest(digest)}, the release says ${shortDigest(order.executable)}: build the release anew for this host`,
    });
  for (const name of Object.values(order.folders))
    await mkdir(lastingFolder(layout, order.service, name), { recursive: true, mode: 0o700 });
  await rm(logFolder(layout, order.service, order.slot), { recursive: true, force: true });
  return ok({ tree: extracted.value, program: program.value.path });
}
