/**
 * A turn that failed in a way nobody foresaw. `waits`: what it needs is away (a database, an agent, a disk with room) and will be back, so it is tried for ever and shown.
 * `counts`: a bug, or data that no try makes good; its tries are bounded.
 */
export type Setback = {
  readonly deployment: string;
  /** Where it stood: at another place the count begins again. */
  readonly place: string;
  readonly kind: 'waits' | 'counts';
  readonly tries: number;
  readonly message: string;
  readonly since: string;
  readonly at: string;
};
