/** What a turn leaves to do. `parked`: a person or another deployment has to act first; whoever does wakes it. */
export type TurnEnd = 'more' | 'ended' | 'parked';

/** One durable step: its outcome is stored before the next one begins. */
export type Step = (name: 'turn', effect: () => Promise<TurnEnd>) => Promise<TurnEnd>;

/**
 * The story of a deployment, and of the rollout it becomes. Its shape never changes: the row and `decide` say what a turn does, so a new version of Sluice can take over
 * what an old one began, and this loop holds nothing that could be out of date.
 */
export async function deploymentStory(step: Step, turn: () => Promise<TurnEnd>): Promise<TurnEnd> {
  for (;;) {
    const end = await step('turn', turn);
    if (end !== 'more') return end;
  }
}
