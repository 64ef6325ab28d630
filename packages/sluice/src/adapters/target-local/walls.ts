import { err, ok, SluiceError, type Isolation, type Sandbox } from '#kernel';

/** What a slot's instances are started in: as much of a sandbox as a start needs, and how the program behind a started process is found. */
export type Walls = Pick<Sandbox, 'isolation' | 'confine'> & { readonly programOf: (started: number) => number | undefined };

/** Starts programs as they are. */
export const noWalls: Walls = { isolation: 'none', confine: (program) => ok(program), programOf: (started) => started };

/**
 * The walls of a slot that was filled at this level: what began confined is never started again without walls, whatever became of this machine, and what began without
 * them stays as it was placed.
 */
export function wallsFor(placedWith: Isolation, now: Walls): Walls {
  if (placedWith === 'none') return noWalls;
  if (now.isolation !== 'none') return { ...now, isolation: placedWith };
  const gone = new SluiceError(
    'unavailable',
    `it was placed in a sandbox (${placedWith}), and this machine has none now: "sluice doctor" says why`,
  );
  return { isolation: placedWith, confine: () => err(gone), programOf: now.programOf };
}
