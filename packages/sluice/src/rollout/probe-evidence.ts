import { formatCount } from '#kernel';
import { badShare } from './counter-delta.ts';
import type { SmokeCheck } from './policy.ts';
import type { ProbeAnswer } from './ports.ts';
import type { Tally } from './watch-progress.ts';

/** What one round of probes found; `wrong` is the last answer that was not as declared. */
export type ProbeRound = Tally & { readonly wrong?: string };

export const noProbes: Tally = { answers: 0, bad: 0 };

/** Judges the answers of all instances to one declared request. An instance that did not answer failed it. */
export function judgeProbe(check: SmokeCheck, answers: readonly ProbeAnswer[]): ProbeRound {
  const wrong = answers.find(
    ({ status, body }) => status !== check.status || (check.contains !== undefined && !body.includes(check.contains)),
  );
  const bad = answers.filter(
    ({ status, body }) => status !== check.status || (check.contains !== undefined && !body.includes(check.contains)),
  ).length;
  const tally = { answers: answers.length, bad };
  if (wrong === undefined) return tally;
  const said =
    wrong.status === 0
      ? 'nothing'
      : wrong.status === check.status
        ? `${wrong.status} without "${check.contains ?? ''}"`
        : String(wrong.status);
  return { ...tally, wrong: `${check.method} ${check.path} answered ${said} on ${wrong.instance}, wanted ${check.status}` };
}

/** Fewer failed probes than this are a hiccup of whoever sent them. */
const fewestBad = 3;

/** A version that fails requests of our own is bad, whoever else calls it. */
export function faultOfProbes(seen: Tally, tolerated: number, wrong: string | undefined): string | undefined {
  if (seen.bad < fewestBad || badShare(seen) <= tolerated) return undefined;
  return `${formatCount(seen.bad)} of ${formatCount(seen.answers)} probes failed${wrong === undefined ? '' : `: ${wrong}`}`;
}
