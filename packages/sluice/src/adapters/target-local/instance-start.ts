import { randomBytes } from 'node:crypto';
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { err, ok, type Result } from '#kernel';
import type { SlotOrder, TargetProblem } from '#rollout';
import { findFreePort } from './free-port.ts';
import { instanceEnvironment, instanceHost } from './instance-environment.ts';
import { confinementOf, makePlace, placeOf, type InstanceSite } from './instance-place.ts';
import { spawnInstance, type InstanceProcess } from './instance-process.ts';
import type { Layout } from './layout.ts';
import { packagesAbove } from './neutral-trees.ts';
import { markVariable } from './process-family.ts';
import { readSecrets } from './secrets.ts';
import { problemBeforeStart, type Measured } from './start-check.ts';
import type { Walls } from './walls.ts';

/** What one start of an instance needs, all of it looked at right before: nothing of it is kept for the next one. */
export type ReadyStart = {
  readonly measured: Measured;
  readonly secrets: Readonly<Record<string, string>>;
  readonly launch: { readonly port: number; readonly token: string };
};

/** Everything for which a start is refused; a refusal leaves nothing behind. */
export async function readyStart(facts: {
  readonly order: SlotOrder;
  readonly layout: Layout;
  readonly walls: Walls;
  readonly measure: () => Promise<Result<Measured, TargetProblem>>;
}): Promise<Result<ReadyStart, { readonly message: string }>> {
  const { order, layout, walls } = facts;
  const secrets = await readSecrets(layout.secrets, order.service.split('/')[0] ?? '', order.secrets);
  if (!secrets.ok) return secrets;
  const measured = await facts.measure();
  if (!measured.ok) return measured;
  const changed = problemBeforeStart(measured.value);
  if (changed !== undefined) return err({ message: changed });
  const [packages] = walls.isolation === 'none' ? packagesAbove(measured.value.tree) : [];
  if (packages !== undefined)
    return err({ message: `not started: ${packages} lies above its artifact, and a missing package would be taken from there: remove it` });
  const launch = { port: await findFreePort(instanceHost), token: randomBytes(24).toString('hex') };
  return ok({ measured: measured.value, secrets: secrets.value, launch });
}

/** Starts the process of an instance, confined as its slot is. `from` is where in the log its words begin. */
export async function startProcess(
  site: InstanceSite & { readonly walls: Walls; readonly logFile: string },
  { measured, secrets, launch }: ReadyStart,
): Promise<Result<InstanceProcess & { readonly from: number }, { readonly message: string }>> {
  const { order, walls, logFile } = site;
  const place = placeOf(site, walls.isolation);
  await makePlace(site, place);
  await mkdir(dirname(logFile), { recursive: true, mode: 0o700 });
  const env = instanceEnvironment(order, place, { instance: site.instance, ...launch }, secrets);
  const { path, programs } = measured.start;
  const [argv0, ...args] = order.start;
  const from = await stat(logFile).then(
    ({ size }) => size,
    () => 0,
  );
  if (walls.isolation === 'none') {
    const process = await spawnInstance({ program: path, argv: [argv0, ...args], cwd: place.tree, env, logFile });
    return ok({ ...process, from });
  }
  const command = path.startsWith(`${measured.tree}/`) ? `${place.tree}${path.slice(measured.tree.length)}` : path;
  const confined = walls.confine({ command, args, cwd: place.tree, env }, confinementOf(site, [path, ...programs]));
  if (!confined.ok) return err({ message: `not started: ${confined.error.message}` });
  // The walls are ours too: whoever looks for the processes of this start finds them by the same mark.
  const marked = { ...confined.value.env, [markVariable]: launch.token };
  const { command: program, args: wall, cwd } = confined.value;
  const process = await spawnInstance({ program, argv: [program, ...wall], cwd, env: marked, logFile, confined: true });
  return ok({ ...process, from });
}
