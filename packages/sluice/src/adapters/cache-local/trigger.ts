/** Named places where a kill must do no harm; tests attach one, in production nothing happens there. */
export type TriggerPoint =
  /** Content and manifest are written, nothing is visible: a kill here must leave a miss. */
  | 'store:written'
  /** The entry has its name: a kill here must leave a whole entry. */
  | 'store:visible'
  /** The outputs lie aside: a kill here must leave the project as it was. */
  | 'restore:staged'
  /** One output was exchanged, others not: a kill here must not be taken for a hit at the next run. */
  | 'restore:exchanged';
