import { judgeProbe, type ProbeRound } from '#rollout';
import type { EffectContext } from './rollout-effects.ts';

/** Sends the declared probes of a watch beside its samples. */
export type Prober = {
  /** What was answered since the last call; undefined while nothing was. Sends what has become due. */
  readonly since: () => ProbeRound | undefined;
};

/** Two rounds under way are enough to keep a rhythm; more would only pile up on a version that hangs. */
const mostUnderWay = 2;

/**
 * Requests of our own to every instance of the new version, past the router, one after another of those declared, at the declared rate. They never hold up a sample. A request
 * that could not be sent, because the agent is away, is no answer of the version and counts for nothing.
 */
export function prober({ rollout: { plan }, target, clock }: EffectContext): Prober | undefined {
  const declared = plan.policy.probes;
  if (declared === undefined || declared.requests.length === 0) return undefined;
  const every = 1_000 / declared.perSecond;
  let due = clock.monotonic();
  let turn = 0;
  let underWay = 0;
  let found: ProbeRound | undefined;
  const send = async (): Promise<void> => {
    const check = declared.requests[turn % declared.requests.length];
    turn += 1;
    if (check === undefined) return;
    underWay += 1;
    const answers = await target.probe(plan.service, plan.candidate, check.path).catch(() => undefined);
    underWay -= 1;
    if (answers?.ok !== true) return;
    const round = judgeProbe(check, answers.value);
    const wrong = round.wrong ?? found?.wrong;
    found = {
      answers: (found?.answers ?? 0) + round.answers,
      bad: (found?.bad ?? 0) + round.bad,
      ...(wrong === undefined ? {} : { wrong }),
    };
  };
  return {
    since: () => {
      const now = clock.monotonic();
      if (now >= due && underWay < mostUnderWay) {
        // What could not be sent in time is not caught up on: the rate is a limit too.
        due = Math.max(due + every, now);
        void send();
      }
      const seen = found;
      found = undefined;
      return seen;
    },
  };
}
