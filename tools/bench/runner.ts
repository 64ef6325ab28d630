import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hand, progress } from './benchmark.ts';
import { median } from './figure.ts';
import { packInto } from './packed.ts';

/**
 * The runner against `make -j2`: the same graph of jobs that do nothing, whole processes, start included, pair by pair in alternating order.
 * What runs is the JavaScript that is published, compiled for this run, so that it is never an older one.
 */
const JOBS = 500;
const PER_LAYER = 10;
const PAIRS = 7;

const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-runner-'));
const packed = join(folder, 'packed');

/** Ten jobs a layer, each needs two of the layer before; the last one needs the whole last layer. */
function graph(jobs: number): readonly (readonly [name: string, needs: readonly string[]])[] {
  const all = Array.from({ length: Math.max(0, jobs - 1) }, (_, at) => {
    const before = (Math.floor(at / PER_LAYER) - 1) * PER_LAYER;
    const column = at % PER_LAYER;
    return [`j${at}`, before < 0 ? [] : [`j${before + column}`, `j${before + ((column + 1) % PER_LAYER)}`]] as const;
  });
  return [...all, ['last', all.slice(-PER_LAYER).map(([name]) => name)]];
}

/** A project with this graph for both. */
function project(jobs: number, job = "['true']"): string {
  const place = join(folder, `project-${jobs}-${job.length}`);
  mkdirSync(join(place, 'node_modules'), { recursive: true });
  symlinkSync(packed, join(place, 'node_modules', 'sluice'));
  writeFileSync(join(place, 'package.json'), '{"type":"module","private":true}\n');
  writeFileSync(join(place, 'source.txt'), 'one input of every job\n');
  const lines = graph(jobs).map(
    ([name, needs]) => `    ${name}: job({ run: ${job}, needs: ${JSON.stringify(needs)}, inputs: ['source.txt'] }),`,
  );
  writeFileSync(
    join(place, 'sluice.config.ts'),
    `import { defineDelivery, job } from 'sluice';\nexport default defineDelivery({\n  name: 'bench',\n  jobs: {\n${lines.join('\n')}\n  },\n});\n`,
  );
  const rules = graph(jobs).map(([name, needs]) => `${name}: ${needs.join(' ')}\n\ttrue\n`);
  writeFileSync(join(place, 'Makefile'), `all: last\n${rules.join('')}`);
  return place;
}

type Program = readonly [program: string, ...args: string[]];
const sluice = (...args: string[]): Program => [process.execPath, join(packed, 'bin', 'sluice.js'), 'run', '--parallel', '2', ...args];
const make: Program = ['make', '-j2', 'last'];

/** Milliseconds of one whole process; its output goes to a file, as in CI. */
function timed([program, ...args]: Program, cwd: string): number {
  const began = performance.now();
  const { status, stderr } = spawnSync(program, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
  const took = performance.now() - began;
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}: ${stderr}`);
  return took;
}

type Pairs = { readonly ours: readonly number[]; readonly peer: readonly number[] };

function pairs(ours: () => number, peer: () => number): Pairs {
  const seen: { readonly ours: number; readonly peer: number }[] = [];
  for (let at = 0; at < PAIRS; at += 1) {
    if (at % 2 === 0) seen.push({ ours: ours(), peer: peer() });
    else {
      const first = peer();
      seen.push({ ours: ours(), peer: first });
    }
  }
  return { ours: seen.map((pair) => pair.ours), peer: seen.map((pair) => pair.peer) };
}

const ratioOf = ({ ours, peer }: Pairs): number => median(ours.map((value, at) => value / (peer[at] ?? Number.NaN)));

/** From the start of the process until the first job runs, as that job's own clock says: `date` costs the job a millisecond, counted against us. */
function untilFirstJob(place: string): number {
  const began = performance.timeOrigin + performance.now();
  timed(sluice('--no-cache'), place);
  return Number(readFileSync(join(place, 'began.txt'), 'utf8')) * 1_000 - began;
}

/** The largest peak of one process of the tree, MiB. */
async function peakMemory([program, ...args]: Program, cwd: string): Promise<number> {
  const child = spawn(program, args, { cwd, stdio: 'ignore' });
  let peak = 0;
  while (child.exitCode === null && child.signalCode === null) {
    for (const pid of treeOf(child.pid ?? 0)) peak = Math.max(peak, highWater(pid));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return peak / 1_024;
}

function treeOf(pid: number): readonly number[] {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    const children = threads.flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    );
    return [pid, ...children.flatMap(treeOf)];
  } catch {
    return []; // it ended meanwhile
  }
}

function highWater(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

try {
  progress('compiling what is published');
  packInto(packed);
  const many = project(JOBS);
  const one = project(1);
  const stamped = project(1, JSON.stringify('date +%s.%N > began.txt'));
  for (const place of [many, one, stamped]) timed(sluice(), place); // fills the compile cache, as any second run of a user finds it

  progress(`${JOBS} and 1 jobs, cold, ${PAIRS} pairs`);
  const cold = pairs(
    () => timed(sluice('--no-cache'), many),
    () => timed(make, many),
  );
  const coldOne = pairs(
    () => timed(sluice('--no-cache'), one),
    () => timed(make, one),
  );
  progress('cached');
  for (const [name] of graph(JOBS)) writeFileSync(join(many, name), '');
  const cached = pairs(
    () => timed(sluice(), many),
    () => timed(make, many),
  );
  for (const [name] of graph(JOBS)) rmSync(join(many, name));
  progress('start and memory');
  const node = pairs(
    () => untilFirstJob(stamped),
    () => timed([process.execPath, '-e', '0'], folder),
  );
  const memory: number[] = [];
  for (let at = 0; at < 3; at += 1) memory.push(await peakMemory(sluice('--no-cache'), many));

  const perJob: Pairs = {
    ours: cold.ours.map((value, at) => (value - (coldOne.ours[at] ?? 0)) / (JOBS - 1)),
    peer: cold.peer.map((value, at) => (value - (coldOne.peer[at] ?? 0)) / (JOBS - 1)),
  };
  const against = (peer: string, both: Pairs) => ({ peer, measured: median(both.peer), ratio: ratioOf(both) });
  hand({
    title: `runner: ${JOBS} jobs that do nothing, 2 at a time, against make -j2 (medians of ${PAIRS} alternating pairs)`,
    figures: [
      {
        what: `cold job: (time of ${JOBS} - time of 1) / ${JOBS - 1}`,
        measured: median(perJob.ours),
        unit: 'ms',
        against: against('make', perJob),
        target: { of: 'ratio', kind: 'at-most', limit: 5 },
      },
      { what: `${JOBS} cold, whole run`, measured: median(cold.ours), unit: 'ms', against: against('make', cold) },
      {
        what: `${JOBS} cached, whole run`,
        measured: median(cached.ours),
        unit: 'ms',
        against: against('make', cached),
        target: { of: 'measured', kind: 'at-most', limit: 110 },
      },
      {
        what: 'start to first job',
        measured: median(node.ours),
        unit: 'ms',
        against: against('node -e 0', node),
        target: { of: 'measured', kind: 'at-most', limit: 90 },
      },
      {
        what: 'peak memory, largest process',
        measured: median(memory),
        unit: 'MiB',
        target: { of: 'measured', kind: 'at-most', limit: 80 },
      },
    ],
    notes: ['Compiled JavaScript, made for this run; the journal is synced as for any user.'],
    detail: { jobs: JOBS, cold, coldOne, cached, start: node, memory },
  });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
