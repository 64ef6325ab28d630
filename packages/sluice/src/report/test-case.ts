/** One `<testcase>` as its attributes and elements describe it. */
export type TestCase = {
  readonly name: string;
  /** What tells it from every other test of its suite. */
  readonly identity: string;
  /** What the dialects write into `status`, `result`, `executed` and `disabled`. */
  readonly words: readonly string[];
  readonly marks: readonly { readonly element: string; readonly type: string | undefined }[];
  /** node:test repeats the message of a failure as an attribute. */
  readonly failureAttribute: string | undefined;
  readonly message: string;
};

/** What became of a test case. `skipped` is whatever was not executed, however its dialect says so. */
export type Outcome = 'passed' | 'failed' | 'skipped' | 'flaky';

const flakyElements = ['flakyFailure', 'flakyError', 'rerunFailure', 'rerunError'];

/** Elements and words by which the dialects say that a test did not run (GoogleTest, CTest, NUnit, Ginkgo, Behave, PHPUnit and their kind). */
const notRunElements = ['skipped', 'skip', 'disabled', 'ignored', 'pending', 'notrun', 'todo', 'inconclusive', 'warning'];
const notRunWords = [
  'notrun',
  'notexecuted',
  'notrunnable',
  'disabled',
  'suppressed',
  'skipped',
  'skip',
  'ignored',
  'pending',
  'untested',
  'undefined',
  'inconclusive',
  'blocked',
  'cancelled',
  'canceled',
  'aborted',
  'interrupted',
  'excluded',
  'filtered',
  'todo',
  'none',
  'unknown',
];
const ranWords = [
  '',
  'run',
  'ran',
  'executed',
  'complete',
  'completed',
  'finished',
  'done',
  'ok',
  'true',
  'good',
  'pass',
  'passed',
  'success',
  'successful',
  'succeeded',
  'flaky',
  'fixed',
];
const failedWords = ['fail', 'failed', 'failure', 'error', 'errored', 'timeout', 'timedout', 'panicked', 'crashed', 'broken', 'xpass'];

/** Passed is what has no mark at all; between two marks the worse one counts. */
export function classify({ marks, failureAttribute, words }: TestCase): Outcome {
  const has = (elements: readonly string[]): boolean => marks.some((mark) => elements.includes(mark.element));
  const says = (list: readonly string[]): boolean => words.some((word) => list.includes(word));
  // A test that is known to be unfinished may fail, and does not count as executed either way.
  if (marks.some((mark) => mark.element === 'skipped' && mark.type === 'todo')) return 'skipped';
  if (has(['failure', 'error'])) return 'failed';
  if (has(notRunElements)) return 'skipped';
  if (failureAttribute !== undefined || says(failedWords)) return 'failed';
  if (says(notRunWords) || strangeWord({ words }) !== undefined) return 'skipped';
  return has(flakyElements) ? 'flaky' : 'passed';
}

/** A word of no dialect that we know: nobody can say that a test of that status ran. */
export const strangeWord = ({ words }: Pick<TestCase, 'words'>): string | undefined =>
  words.find((word) => ![ranWords, failedWords, notRunWords].some((list) => list.includes(word)));

/** How often it failed and was tried again within its own element. */
export const retriesIn = ({ marks }: TestCase): number => marks.filter((mark) => flakyElements.includes(mark.element)).length;

/** A word of a dialect without its spelling: `Not_Executed`, `not-executed` and `notExecuted` are one. */
export const wordOf = (value: string): string => value.toLowerCase().replaceAll(/[^a-z]/g, '');

/**
 * What runners write where no test was: the set-up and tear-down nodes of Ginkgo, and cases that say that there is none. They are no tests when they pass; a failing one is a failure.
 */
const placeholder =
  /^(?:\[(?:(?:Synchronized)?(?:Before|After)Suite|Report(?:Before|After)Suite|DeferCleanup \(Suite\))\].*|no tests?(?: (?:were |was |have been )?(?:found|ran|run|executed|collected|matched|selected))?[.!]?|empty test suite|\(empty\))$/i;

export const isPlaceholder = (name: string): boolean => placeholder.test(name.trim());

/**
 * Several attempts at one test, in the order of the report, as one outcome. Runners that try again (gotestsum, Gradle) write each attempt as a case of its own: the last one decides,
 * and one that passed after a failure is flaky. Where equal names are different tests (`distinct`), any failure counts.
 */
export function foldAttempts(attempts: readonly Outcome[], equalNames: 'attempts' | 'distinct'): Outcome {
  const last = attempts.at(-1) ?? 'skipped';
  if (attempts.includes('failed')) return equalNames === 'attempts' && (last === 'passed' || last === 'flaky') ? 'flaky' : 'failed';
  if (attempts.includes('flaky')) return 'flaky';
  return attempts.includes('passed') ? 'passed' : 'skipped';
}
