import { phaseKinds } from '#rollout';

/**
 * Named places between the awaits of a driver. Nothing happens there in production; a test attaches a kill, a throw or a wait, and so proves for each place that
 * the work resumes (I4). The comment says what would go wrong if the place were not safe.
 */
export const triggerPoints = [
  /** The row was read and is ours; nothing was done yet. A second controller may be reading it too. */
  'loaded',
  /** The state that orders an effect is recorded, the effect was not begun: it must still happen. */
  'before-effect',
  /** The effect happened and nobody wrote it down: it must not matter that it happens again. */
  'after-effect',
  /** What it came to is decided but not stored: state and entries must be stored together or not at all. */
  'before-outcome',
  /** Stored; the next command was not begun. */
  'after-outcome',
] as const;

/** What a deployment that goes well passes, in order: states of the deployment, of its rollout, and the phases. With the points above, the places at which to kill a controller. */
export const placesForward = [
  'requested',
  'running',
  'judged',
  'released',
  'approved',
  'queued',
  'claiming',
  ...phaseKinds,
  'retiring',
] as const;

/** What a rollout that is taken back passes besides. */
export const placesBack = ['revert-route', 'revert-drain', 'revert-preserve', 'revert-retire'] as const;

/** One of the named places. */
export type TriggerPoint = (typeof triggerPoints)[number];

/** What a test attaches: `during` is the phase, or the state where there is none, of the deployment of `service`. */
export type Trigger = (point: TriggerPoint, during: string, service: string) => void | Promise<void>;

/** Production. */
export const noTrigger: Trigger = () => undefined;
