import { type Digest, digestOfJson, type Json } from '#kernel';

/** Everything that an approval is of: what goes where, how, when, and on which evidence under which policy. */
export type ApprovalSubject = {
  readonly release: Digest;
  readonly environment: string;
  /** The services that move. Their order says nothing. */
  readonly targets: readonly string[];
  /** What the environment itself sets for them: variables, instances. */
  readonly settings: Json;
  readonly strategy: Json;
  /** When it may move; null when at any time. */
  readonly window: Json;
  /** Digests of the verdicts that were reached. Their order says nothing. */
  readonly verdicts: readonly Digest[];
  /** Digest of the rule that asks for the approvals. */
  readonly policy: Digest;
};

/** The digest that people sign. Any change of any part gives another, and with it every signature is void. */
export function approvalSubject(subject: ApprovalSubject): Digest {
  const { release, environment, targets, settings, strategy, window, verdicts, policy } = subject;
  return digestOfJson({
    kind: 'sluice approval subject v1',
    release,
    environment,
    targets: asSet(targets),
    settings,
    strategy,
    window,
    verdicts: asSet(verdicts),
    policy,
  });
}

const asSet = (items: readonly string[]): readonly string[] => [...new Set(items)].toSorted((a, b) => (a < b ? -1 : 1));
