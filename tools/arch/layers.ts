/** The whole architecture, readable in one screen: which room may import which others. */
export const layers = {
  kernel: [],
  define: ['kernel'],
  plan: ['kernel', 'define'],
  report: ['kernel'],
  gate: ['kernel', 'report'],
  access: ['kernel'],
  ledger: ['kernel'],
  run: ['kernel', 'plan'],
  pipeline: ['kernel', 'plan', 'run', 'report', 'gate'],
  rollout: ['kernel', 'gate'],
  release: ['kernel', 'plan', 'gate', 'rollout', 'access', 'ledger'],
  workflow: ['kernel', 'define', 'plan', 'run', 'report', 'gate', 'pipeline', 'rollout', 'release', 'access', 'ledger'],
  // This machine: clock, randomness, process identity, durable files. A leaf that the other adapters may lean on.
  'adapters/host': ['kernel'],
  // Keeps what a commit brings away from what delivers it. The second leaf: jobs, instances and definitions run in it.
  'adapters/sandbox': ['kernel', 'adapters/host'],
  'adapters/config-file': ['kernel', 'define', 'adapters/host', 'adapters/sandbox'],
  // PostgreSQL from the embedded binaries, started, adopted and stopped: for the store and for services of jobs.
  'adapters/postgres-server': ['kernel', 'adapters/host'],
  'adapters/executor-process': ['kernel', 'run', 'adapters/host', 'adapters/postgres-server', 'adapters/sandbox'],
  'adapters/cache-local': ['kernel', 'run', 'adapters/host'],
  'adapters/source-git': ['kernel', 'workflow', 'adapters/host'],
  'adapters/target-local': ['kernel', 'rollout', 'adapters/host', 'adapters/sandbox'],
  'adapters/router-embedded': ['kernel', 'rollout', 'adapters/host'],
  'adapters/store-postgres': ['kernel', 'workflow', 'adapters/host', 'adapters/postgres-server'],
  server: ['kernel', 'define', 'plan', 'run', 'report', 'gate', 'pipeline', 'rollout', 'release', 'access', 'ledger', 'workflow'],
  cli: ['kernel', 'define', 'plan', 'run', 'report', 'gate', 'pipeline', 'rollout', 'release', 'access', 'ledger', 'workflow', 'server'],
} as const satisfies Record<string, readonly string[]>;

/** A room with a door of its own. */
export type Room = keyof typeof layers;

/** npm packages a room may import; adapters, server, cli and main are free to choose theirs. */
export const packages: Readonly<Partial<Record<Room, readonly string[]>>> = {
  report: ['saxes'],
  workflow: ['@dbos-inc/dbos-sdk'],
};

/** Packages that one room alone may know. */
export const exclusive: Readonly<Record<string, Room>> = { '@dbos-inc/dbos-sdk': 'workflow' };

/** Rooms in which effects live: they may use `node:*` modules and any npm package. */
export const isEdge = (room: string): boolean => room.startsWith('adapters/') || room === 'server' || room === 'cli' || room === 'main';

/** Whether a file of `from` may import the door of `to`. */
export function mayImport(from: Room, to: string): boolean {
  const allowed: readonly string[] = layers[from];
  return from === to || allowed.includes(to);
}
