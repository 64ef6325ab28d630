import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { milliseconds, seconds } from '#kernel';
import { siblingModule, systemClock } from '#host';
import type { SlotOrder, SlotStatus, Target } from '#rollout';
import { localTarget, packArtifact, startAgent, stopAgent } from '#target-local';
import { embeddedRouterOf } from '../src/agent-main.ts';

/** A project and a state folder, with the agent that `serve` would start. Disposed, it leaves nothing. */
export type AgentRig = AsyncDisposable & {
  readonly project: string;
  readonly stateFolder: string;
  readonly target: Target;
  readonly agent: { readonly pid: number };
  /** Starts the agent again after it was killed. */
  readonly restart: () => Promise<void>;
  /** Packs files of the project, given as content, and asks what the start command runs. Throws what the target says when it refuses. */
  readonly order: (
    files: Readonly<Record<string, string | Executable>>,
    changes: Partial<SlotOrder> & Pick<SlotOrder, 'start'>,
  ) => Promise<SlotOrder>;
  /** Packs files that are there already. */
  readonly packed: (globs: readonly string[]) => Promise<Pick<SlotOrder, 'artifact' | 'archive'>>;
  /** Writes a file of the project, or beside it. */
  readonly write: (name: string, content: string) => Promise<void>;
  /** Places it and waits until it is healthy. */
  readonly healthy: (order: SlotOrder) => Promise<SlotStatus>;
  readonly when: (order: Pick<SlotOrder, 'service' | 'slot'>, condition: (status: SlotStatus) => boolean) => Promise<SlotStatus>;
};

/** A file that may be executed. */
export type Executable = { readonly executable: string };

const agentMain = siblingModule(import.meta.url, '../src/agent-main');
/** The same agent on a machine that has no sandbox. */
const withoutSandbox = siblingModule(import.meta.url, './agent-without-sandbox');

/** A service that answers every request with 200. */
export const answering = `require('node:http').createServer((_, answer) => answer.end('ok')).listen(Number(process.env.PORT), process.env.HOST);
process.on('SIGTERM', () => process.exit(0));\n`;

export async function agentRig(options: { readonly isolation?: 'none' } = {}): Promise<AgentRig> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-attack-')));
  const project = join(folder, 'project');
  const stateFolder = join(project, '.sluice');
  mkdirSync(stateFolder, { recursive: true, mode: 0o700 });
  const entry = options.isolation === 'none' ? withoutSandbox : agentMain;
  const started = await startAgent({ stateFolder, entry });
  if (!started.ok) throw new Error(started.error.message);
  const target = localTarget({ stateFolder });
  const when: AgentRig['when'] = async (order, condition) => {
    let last: unknown;
    await until(
      () => `${order.service} is as expected: ${JSON.stringify(last)}`,
      async () => {
        const seen = await target.observe(order.service, order.slot);
        last = seen;
        return seen.ok && condition(seen.value);
      },
    );
    const seen = await target.observe(order.service, order.slot);
    if (!seen.ok) throw new Error(seen.error.message);
    return seen.value;
  };
  return {
    project,
    stateFolder,
    target,
    agent: started.value,
    restart: async () => {
      const again = await startAgent({ stateFolder, entry });
      if (!again.ok) throw new Error(again.error.message);
    },
    when,
    packed: async (globs) => {
      const packed = await packArtifact(project, globs, join(stateFolder, 'archives'));
      if (!packed.ok) throw new Error(packed.error.message);
      return { artifact: packed.value.digest, archive: packed.value.path };
    },
    write: async (name, content) => {
      mkdirSync(dirname(join(project, name)), { recursive: true });
      writeFileSync(join(project, name), content);
    },
    order: (files, changes) => orderOf({ project, stateFolder, target }, files, changes),
    healthy: async (order) => {
      const placed = await target.place(order);
      if (!placed.ok) throw new Error(placed.error.message);
      return when(order, ({ instances }) => instances.length > 0 && instances.every((one) => one.state === 'healthy'));
    },
    [Symbol.asyncDispose]: async () => {
      await stopAgent({ stateFolder, instances: true, supervision: embeddedRouterOf(stateFolder) });
      spawnSync('chmod', ['-R', 'u+w', folder]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function orderOf(
  { project, stateFolder, target }: Pick<AgentRig, 'project' | 'stateFolder' | 'target'>,
  files: Readonly<Record<string, string | Executable>>,
  changes: Partial<SlotOrder> & Pick<SlotOrder, 'start'>,
): Promise<SlotOrder> {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(project, name)), { recursive: true });
    rmSync(join(project, name), { force: true });
    writeFileSync(join(project, name), typeof content === 'string' ? content : content.executable, {
      mode: typeof content === 'string' ? 0o644 : 0o755,
    });
  }
  const packed = await packArtifact(project, Object.keys(files), join(stateFolder, 'archives'));
  if (!packed.ok) throw new Error(packed.error.message);
  const { digest: artifact, path: archive } = packed.value;
  const executable = await target.resolveExecutable(changes.start, { artifact, archive });
  if (!executable.ok) throw new Error(executable.error.message);
  return {
    key: 'attack',
    service: 'test/api',
    slot: 'blue',
    version: '1.0.0',
    artifact,
    archive,
    executable: executable.value,
    instances: 1,
    env: {},
    secrets: [],
    folders: {},
    health: { kind: 'http', path: '/health', interval: milliseconds(20), timeout: seconds(5), rise: 1, fall: 3 },
    startWithin: seconds(20),
    stopWithin: seconds(5),
    ...changes,
  };
}

/** Waits for a fact; the deadline is generous because the machine may be busy. */
export async function until(what: string | (() => string), condition: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = systemClock.monotonic() + 30_000;
  while (!(await condition())) {
    if (systemClock.monotonic() > deadline) throw new Error(`waited in vain until ${typeof what === 'string' ? what : what()}`);
    await systemClock.sleep(5);
  }
}
