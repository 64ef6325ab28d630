import { mkdir, rm } from 'node:fs/promises';
import { err, ok, shortDigest, type Isolation, type Result } from '#kernel';
import type { SlotOrder, TargetProblem } from '#rollout';
import { extractArchive } from './extract.ts';
import { lastingFolder, logFolder, scratchFolder, type Layout } from './layout.ts';
import { neutralTrees } from './neutral-trees.ts';
import { readSecrets } from './secrets.ts';
import { followStart, programsDigest } from './start-programs.ts';

/** What an order needs on disk before its instances start. */
export type Prepared = { readonly tree: string };

/** Everything of an order that can be refused, before anything of the slot changes. May be repeated. */
export async function prepare(layout: Layout, order: SlotOrder, isolation: Isolation): Promise<Result<Prepared, TargetProblem>> {
  const secrets = await readSecrets(layout.secrets, order.service.split('/')[0] ?? '', order.secrets);
  if (!secrets.ok) return secrets;
  const extracted = await extractFor(layout, order, isolation);
  if (!extracted.ok) return extracted;
  const start = await followStart(order.start, extracted.value);
  if (!start.ok) return err({ kind: 'refused', message: `${order.service}: ${start.error.message}` });
  const digest = await programsDigest(start.value.programs);
  if (digest !== order.executable)
    return err({
      kind: 'digest-mismatch',
      message: `${order.service}: ${start.value.programs.join(', ')} is ${shortDigest(digest)}, the release says ${shortDigest(order.executable)}: build the release anew for this host`,
    });
  for (const name of Object.values(order.folders))
    await mkdir(lastingFolder(layout, order.service, name), { recursive: true, mode: 0o700 });
  await rm(logFolder(layout, order.service, order.slot), { recursive: true, force: true });
  await removeScratch(layout, order);
  return ok({ tree: extracted.value });
}

/** Digest of what the start command of a packed artifact runs here; looked at in the artifact itself. */
export async function resolveStart(
  layout: Layout,
  packed: Pick<SlotOrder, 'start' | 'artifact' | 'archive'>,
): ReturnType<typeof programsOf> {
  const extracted = await extractArchive(packed.archive, packed.artifact, layout.trees);
  return extracted.ok ? programsOf(packed.start, extracted.value) : extracted;
}

/** What instances of an order left in their own folders goes with them. */
export async function removeScratch(layout: Layout, { service, slot }: Pick<SlotOrder, 'service' | 'slot'>): Promise<void> {
  await rm(scratchFolder(layout, service, slot), { recursive: true, force: true });
}

async function programsOf(
  start: SlotOrder['start'],
  tree: string,
): Promise<Result<Awaited<ReturnType<typeof programsDigest>>, TargetProblem>> {
  const followed = await followStart(start, tree);
  return followed.ok ? ok(await programsDigest(followed.value.programs)) : err({ kind: 'refused', message: followed.error.message });
}

/** In a sandbox nothing lies above an artifact. Outside of one it must be extracted where no packages do. */
async function extractFor(layout: Layout, order: SlotOrder, isolation: Isolation): Promise<Result<string, TargetProblem>> {
  const trees = isolation === 'none' ? neutralTrees(layout) : layout.trees;
  if (trees !== undefined) return extractArchive(order.archive, order.artifact, trees);
  const why = 'a folder node_modules lies above every place for it, and a missing package would be taken from there';
  return err({ kind: 'refused', message: `${order.service}: its artifact cannot be extracted: ${why}: remove it, or install bubblewrap` });
}
