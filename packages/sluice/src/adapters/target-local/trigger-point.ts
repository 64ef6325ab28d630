/** Moments between two effects, at which tests kill the agent: each stands where a crash once would have doubled or lost an instance. */
export const triggerPoints = [
  'place:extracted',
  'place:recorded',
  'start:intended',
  'start:spawned',
  'start:recorded',
  'retire:recorded',
  'retire:asked',
  'retire:stopped',
] as const;

/** One of the named moments. */
export type TriggerPoint = (typeof triggerPoints)[number];

/** Called at each point and awaited; does nothing outside of tests. */
export type Trigger = (point: TriggerPoint) => Promise<void>;

/** Nothing happens at any point. */
export const noTrigger: Trigger = async () => {};
