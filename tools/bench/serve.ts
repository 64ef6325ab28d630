import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hand, progress } from './benchmark.ts';
import { median } from './figure.ts';
import { packInto } from './packed.ts';

/**
 * From the start of `sluice serve` until it says that its API answers. Warm: the database cluster exists. Two ways: with its database stopped before (the
 * machine was restarted), and with database and agent still running, to be adopted (the control plane was).
 */
const RUNS = 5;

const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-serve-'));
const packed = packInto(join(folder, 'packed'));
const place = join(folder, 'project');
mkdirSync(join(place, 'node_modules'), { recursive: true });
symlinkSync(packed, join(place, 'node_modules', 'sluice'));
writeFileSync(join(place, 'package.json'), '{"type":"module","private":true}\n');
writeFileSync(
  join(place, 'sluice.config.ts'),
  "import { defineDelivery, job } from 'sluice';\nexport default defineDelivery({ name: 'bench', jobs: { nothing: job({ run: ['true'] }) } });\n",
);
spawnSync('git', ['init', '--quiet'], { cwd: place });

const binary = join(packed, 'bin', 'sluice.js');
const down = (): void => void spawnSync(process.execPath, [binary, 'down'], { cwd: place, stdio: 'ignore' });

/** Milliseconds until ready; the control plane is stopped afterwards, its database and agent run on. */
async function start(): Promise<number> {
  const began = performance.now();
  const child = spawn(process.execPath, [binary, 'serve'], { cwd: place, stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  let said = '';
  for await (const chunk of child.stdout) {
    said += String(chunk);
    if (said.includes('control plane at')) break;
  }
  const took = performance.now() - began;
  if (!said.includes('control plane at')) throw new Error(`sluice serve ended without being ready: ${said}`);
  child.kill('SIGTERM');
  await exited;
  return took;
}

try {
  progress(`first start, then ${RUNS} warm and ${RUNS} adopting ones`);
  const first = await start();
  const warm: number[] = [];
  const adopting: number[] = [];
  for (let at = 0; at < RUNS; at += 1) {
    down();
    warm.push(await start());
    adopting.push(await start());
  }
  const node = Array.from({ length: RUNS }, () => {
    const began = performance.now();
    spawnSync(process.execPath, ['-e', '0']);
    return performance.now() - began;
  });
  const peer = { peer: 'node -e 0', measured: median(node), ratio: median(warm) / median(node) };
  hand({
    title: `sluice serve with its database: process start to "control plane at" (medians of ${RUNS})`,
    figures: [
      {
        what: 'serve, warm: starts database, agent and router',
        measured: median(warm),
        unit: 'ms',
        against: peer,
        target: { of: 'measured', kind: 'at-most', limit: 1_000 },
      },
      { what: 'serve, adopting what still runs', measured: median(adopting), unit: 'ms' },
      { what: 'serve, the very first time (makes the database)', measured: first, unit: 'ms' },
    ],
    notes: [],
    detail: { first, warm, adopting, node },
  });
} finally {
  down();
  rmSync(folder, { recursive: true, force: true });
}
