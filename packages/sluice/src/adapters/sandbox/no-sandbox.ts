import { ok, type Sandbox } from '#kernel';
import { machinePath } from './mounts.ts';

/** Starts programs as they are: where a machine allows no walls, and where nobody asked for any. */
export const noSandbox = (because: string): Sandbox => ({
  isolation: 'none',
  because,
  enforces: [],
  confine: ({ command, args, cwd, env }, { mounts }) => ok({ command, args, cwd: machinePath(mounts, cwd), env }),
  seenAt: (_, path) => path,
});
