/** One test case as its elements describe it. */
export type TestCase = {
  readonly name: string;
  readonly marks: readonly { readonly element: string; readonly type: string | undefined }[];
  /** node:test repeats the message of a failure as an attribute. */
  readonly failureAttribute: string | undefined;
  readonly message: string;
};

/** What became of a test case. */
export type Outcome = 'passed' | 'failed' | 'skipped' | 'flaky';

const flakyElements = ['flakyFailure', 'flakyError', 'rerunFailure', 'rerunError'];

/** Passed is what has no mark at all; between two marks the worse one counts. */
export function classify({ marks, failureAttribute }: TestCase): Outcome {
  const has = (...elements: readonly string[]): boolean => marks.some((mark) => elements.includes(mark.element));
  // A test that is known to be unfinished may fail, and does not count as executed either way.
  if (marks.some((mark) => mark.element === 'skipped' && mark.type === 'todo')) return 'skipped';
  if (has('failure', 'error')) return 'failed';
  if (has('skipped')) return 'skipped';
  if (failureAttribute !== undefined) return 'failed';
  return has(...flakyElements) ? 'flaky' : 'passed';
}
