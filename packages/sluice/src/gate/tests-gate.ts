import { formatBasisPoints, formatCount } from '#kernel';
import type { TestEvidence } from '#report';
import { isCount, isShare, senseless, type Doubt, type Finding } from './finding.ts';
import type { TestsPolicy } from './policy.ts';

/** Judges what tests did. Reports of several jobs count together. */
export function judgeTests(policy: TestsPolicy, all: readonly TestEvidence[]): Finding {
  const sum = (count: (each: TestEvidence) => number): number => all.reduce((total, each) => total + count(each), 0);
  const failed = sum((each) => each.failed);
  const executed = sum((each) => each.executed);
  const skipped = sum((each) => each.skipped);
  const flaky = sum((each) => each.flaky);
  const evidence = all.map((each) => each.digest);
  if (!all.every(isSound) || !isCount(policy.minimum) || !isShare(policy.maximumSkipped)) return senseless(evidence);
  const failures =
    failed === 0
      ? []
      : [
          `${formatCount(failed)} of ${formatCount(executed)} failed: ${named(all.flatMap((each) => each.failures.map((failure) => failure.name)))}`,
        ];
  // Compared as whole numbers: a division would bring in rounding, and zero by zero.
  const tooMany = skipped * 10_000 > policy.maximumSkipped * (executed + skipped);
  const shortfalls = tooMany
    ? [`${formatCount(skipped)} of ${formatCount(executed + skipped)} skipped, at most ${formatBasisPoints(policy.maximumSkipped)} allowed`]
    : [];
  const passed = `${formatCount(executed - failed - flaky)} of ${formatCount(executed)}`;
  const notes = [
    ...(skipped > 0 ? [`${formatCount(skipped)} skipped`] : []),
    ...(flaky > 0 ? [`${formatCount(flaky)} flaky, passed when tried again: ${named(all.flatMap((each) => each.flakyTests))}`] : []),
  ];
  return { failures, shortfalls, doubts: doubtsOf(policy, all, executed), fact: [passed, ...notes].join(', '), evidence };
}

function doubtsOf(policy: TestsPolicy, all: readonly TestEvidence[], executed: number): readonly Doubt[] {
  const doubts: Doubt[] = [];
  const unexplained = all.filter((each) => each.unexplained > 0);
  if (unexplained.length > 0) {
    const claim = unexplained.flatMap((each) => each.warnings)[0] ?? 'a report claims failures that it does not show';
    doubts.push({ because: claim, hint: 'a test or a hook failed beside its test cases: see the log of the job' });
  }
  if (executed === 0) doubts.push({ because: 'no test was executed', hint: 'check which tests the job selects' });
  else if (executed < policy.minimum)
    doubts.push({
      because: `${formatCount(executed)} tests executed, at least ${formatCount(policy.minimum)} needed`,
      hint: 'check which tests the job selects, or lower "minimum"',
    });
  return doubts;
}

const isSound = (each: TestEvidence): boolean =>
  [each.executed, each.passed, each.failed, each.skipped, each.flaky, each.unexplained].every(isCount) &&
  each.executed === each.passed + each.failed + each.flaky;

function named(names: readonly string[]): string {
  const [first = 'the report does not name them', ...more] = names;
  return more.length === 0 ? first : `${first} and ${more.length} more`;
}
