import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import type { ConfinedStart, Isolation, Sandbox } from '#kernel';
import { bubblewrap } from './bubblewrap.ts';
import { findLimiter, noLimiter, type Limiter } from './control-groups.ts';
import { namespaces } from './namespaces.ts';
import { noSandbox } from './no-sandbox.ts';
import { programFolders } from './program-folders.ts';
import { systemProgram } from './tools.ts';
import { systemView } from './view.ts';

/** What a sandbox is made for. */
export type SandboxOptions = {
  /** The `PATH` that programs inside will have: its folders are seen, read-only, with what their programs need. So is the folder of the Node that runs this. */
  readonly path: string;
  /** The home folder whose contents stay out of sight, except for programs in PATH. */
  readonly home: string;
  /** Takes this one, or none; without it the best. */
  readonly only?: Exclude<Isolation, 'none'>;
};

/** A trial takes some milliseconds; on a machine that is very busy, some more. */
const trialWithinMs = 10_000;

/** Far more than a shell needs. */
const trialLimits = { memoryBytes: 256 * 1024 * 1024, processes: 64, scratchBytes: 1024 * 1024 };

const opened = new Map<string, Promise<Sandbox>>();

/** The best sandbox of this machine, found by trying: bubblewrap, else the same namespaces made with util-linux, else none. Tried once in the life of a process. */
export async function openSandbox(options: SandboxOptions): Promise<Sandbox> {
  const key = JSON.stringify(options);
  const known = opened.get(key) ?? tried(options);
  opened.set(key, known);
  return known;
}

async function tried({ path, home, only }: SandboxOptions): Promise<Sandbox> {
  const view = [...systemView(), ...programFolders({ path: `${path}:${dirname(process.execPath)}`, home })];
  const bwrap = systemProgram('bwrap');
  const limiter = findLimiter();
  const failures: string[] = [];
  for (const kind of only === undefined ? (['bubblewrap', 'namespaces'] as const) : [only]) {
    const make = (limits: Limiter): Sandbox =>
      kind === 'bubblewrap' ? bubblewrap(bwrap ?? 'bwrap', view, limits) : namespaces(view, limits);
    // A group may be there and refuse whom we put in: walls without limits are still walls.
    for (const limits of limiter.enforces.length === 0 ? [noLimiter] : [limiter, noLimiter]) {
      const failure = kind === 'bubblewrap' && bwrap === undefined ? 'not installed' : await failureOf(make(limits));
      if (failure === undefined) return { ...make(limits), because: failures.join('; ') };
      if (limits === noLimiter) failures.push(`${kind}: ${failure}`);
    }
  }
  return noSandbox(failures.join('; '));
}

/** What a confined process looks at: it is one of few, owns no capability, and can write neither the system nor the kernel's settings. */
const probe = `
[ "$PPID" = 1 ] || { echo "processes outside are in sight"; exit 1; }
while read -r key value; do
  case $key in CapEff:) [ "$value" = 0000000000000000 ] || { echo "capabilities are left"; exit 1; };; NoNewPrivs:) [ "$value" = 1 ] || { echo "privileges can be gained"; exit 1; };; esac
done </proc/self/status
for place in /usr /etc /proc/sys/kernel/core_pattern; do [ -w "$place" ] && { echo "$place can be written"; exit 1; }; done
: >/tmp/probe && echo held
`;

async function failureOf(sandbox: Sandbox): Promise<string | undefined> {
  const program = { command: '/bin/sh', args: ['-c', probe], cwd: '/tmp', env: {} };
  const start = sandbox.confine(program, { mounts: [], network: 'loopback', limits: trialLimits });
  if (!start.ok) return start.error.message;
  const { said, code } = await outputOf(start.value);
  if (code === 0 && said.trim() === 'held') return undefined;
  return (
    said
      .split('\n')
      .find((line) => line.trim() !== '')
      ?.trim()
      .slice(0, 200) ?? `it ends with ${code ?? 'a signal'} and says nothing`
  );
}

async function outputOf({ command, args, cwd, env }: ConfinedStart): Promise<{ readonly said: string; readonly code: number | null }> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: trialWithinMs, killSignal: 'SIGKILL' });
    let said = '';
    const hear = (bytes: Buffer): void => void (said.length < 4_096 && (said += bytes.toString()));
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.once('error', (error) => resolve({ said: error.message, code: null }));
    child.once('close', (code) => resolve({ said, code }));
  });
}
