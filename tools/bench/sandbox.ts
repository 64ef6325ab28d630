import { spawnSync } from 'node:child_process';
import { homedir } from 'node:os';
import type { Isolation, Sandbox } from '../../packages/sluice/src/kernel/index.ts';
import { noSandbox, openSandbox } from '../../packages/sluice/src/adapters/sandbox/index.ts';
import { hand, progress } from './benchmark.ts';
import { median, type Figure } from './figure.ts';

/** What walls cost: the same empty command without them and within each kind, one after the other in each round, so that a busy moment meets all alike. */
const ROUNDS = 41;

const path = process.env['PATH'] ?? '/usr/bin:/bin';
const open = async (only: Exclude<Isolation, 'none'>): Promise<Sandbox> => openSandbox({ path, home: homedir(), only });
const sandboxes = [noSandbox('as a peer'), await open('bubblewrap'), await open('namespaces')].filter(
  ({ isolation }, at) => at === 0 || isolation !== 'none',
);

/** Milliseconds from the start of the command to its end. */
function timed(sandbox: Sandbox): number {
  const program = { command: '/bin/true', args: [], cwd: '/', env: { PATH: '/usr/bin:/bin' } };
  const start = sandbox.confine(program, { mounts: [], network: 'loopback', limits: {} });
  if (!start.ok) throw start.error;
  const { command, args, cwd, env } = start.value;
  const began = performance.now();
  const { status } = spawnSync(command, args, { cwd, env, stdio: 'ignore' });
  const took = performance.now() - began;
  if (status !== 0) throw new Error(`${sandbox.isolation}: /bin/true ended with ${status}`);
  return took;
}

progress(`an empty command, ${ROUNDS} times: ${sandboxes.map(({ isolation }) => isolation).join(', ')}`);
const seen = new Map<Isolation, number[]>(sandboxes.map(({ isolation }) => [isolation, []]));
for (let round = 0; round < ROUNDS; round += 1) for (const sandbox of sandboxes) seen.get(sandbox.isolation)?.push(timed(sandbox));

const bare = median(seen.get('none') ?? []);
const figures = [...seen]
  .filter(([isolation]) => isolation !== 'none')
  .map(([isolation, times]): Figure => {
    const measured = median(times);
    return {
      what: `an empty command in a sandbox (${isolation})`,
      measured,
      unit: 'ms',
      against: { peer: 'without one', measured: bare, ratio: measured / bare },
    };
  });
hand({
  title: 'Sandbox',
  figures,
  notes: figures.length === 0 ? ['This machine allows no sandbox: sluice doctor says why.'] : [],
  detail: Object.fromEntries(seen),
});
