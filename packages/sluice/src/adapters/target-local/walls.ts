import { err, ok, SluiceError, type Isolation, type Sandbox } from '#kernel';

/** What a slot's instances are started in: as much of a sandbox as a start needs. */
export type Walls = Pick<Sandbox, 'isolation' | 'confine'>;

/** Starts programs as they are. */
export const noWalls: Walls = { isolation: 'none', confine: (program) => ok(program) };

/**
 * The walls of a slot that was filled at this level: what began confined is never started again without walls, whatever became of this machine, and what began without
 * them stays as it was placed.
 */
export function wallsFor(placedWith: Isolation, now: Walls): Walls {
  if (placedWith === 'none') return noWalls;
  if (now.isolation !== 'none') return { isolation: placedWith, confine: now.confine };
  const gone = new SluiceError(
    'unavailable',
    `it was placed in a sandbox (${placedWith}), and this machine has none now: "sluice doctor" says why`,
  );
  return { isolation: placedWith, confine: () => err(gone) };
}
