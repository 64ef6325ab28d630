import { SaxesParser, type SaxesTagPlain } from 'saxes';
import type { Digest } from '#kernel';
import { Refusal, type TestEvidence, type TestFailure } from './evidence.ts';
import { classify, foldAttempts, isPlaceholder, retriesIn, strangeWord, wordOf, type Outcome, type TestCase } from './test-case.ts';

/** No test framework nests suites deeper; a document that does is made to exhaust its reader. */
const deepest = 100;
const mostFailures = 100;
const longest = { name: 300, message: 2_000 };

/** A test of a suite, and every attempt at it. */
type Test = { readonly name: string; message: string; readonly attempts: Outcome[] };

/** A suite that is open, and what was counted in it so far, nested suites included. */
type Suite = {
  readonly name: string;
  readonly claims: { readonly tests: number | undefined; readonly failures: number };
  /** Its own tests by their identity. */
  readonly tests: Map<string, Test>;
  children: number;
  cases: number;
  failed: number;
  /** Attempts that failed and were followed by another one. */
  retried: number;
};

/**
 * Who wrote a report, as far as it tells what equal names in one suite mean. The runners of JavaScript allow them for different tests and write no attempts; everybody else's are unique,
 * and a name that stands there twice was tried twice. `node` is node:test, or whoever else writes a root without attributes.
 */
type Producer = 'javascript' | 'node' | 'other';

const javascript: ReadonlySet<string> = new Set(['vitest tests', 'jest tests', 'Mocha Tests', 'bun test', 'deno test']);

function producerOf(root: SaxesTagPlain): Producer {
  if (javascript.has(root.attributes['name'] ?? '')) return 'javascript';
  return root.name === 'testsuites' && Object.keys(root.attributes).length === 0 ? 'node' : 'other';
}

type Counts = { passed: number; failed: number; skipped: number; flaky: number };

/**
 * JUnit XML, of which there is no standard: read by its shape, and counted case by case. DTDs and entities are refused, so nothing is fetched
 * and nothing grows.
 */
export function parseJunit(text: string, digest: Digest): TestEvidence {
  const reader = new JunitReader();
  const parser = new SaxesParser();
  parser.on('error', (error) => {
    throw new Refusal('unreadable', `not well-formed XML (${firstLine(error.message)})`);
  });
  parser.on('doctype', () => {
    throw new Refusal('unreadable', 'holds a DTD, which is refused');
  });
  parser.on('opentag', (tag) => reader.open(tag));
  parser.on('closetag', () => reader.close());
  parser.on('text', (chunk) => reader.text(chunk));
  parser.on('cdata', (chunk) => reader.text(chunk));
  parser.on('comment', (comment) => reader.comment(comment));
  parser.write(text).close();
  return reader.evidence(digest);
}

class JunitReader {
  readonly #open: string[] = [];
  readonly #suites: Suite[] = [];
  readonly #counts: Counts = { passed: 0, failed: 0, skipped: 0, flaky: 0 };
  readonly #failures: TestFailure[] = [];
  readonly #flakyTests: string[] = [];
  readonly #warnings: string[] = [];
  #case: TestCase | undefined;
  #unexplained = 0;
  /** What node:test counts in comments below the last case. */
  #claimedAtEnd = 0;
  #producer: Producer = 'other';
  #cases = 0;

  open(tag: SaxesTagPlain): void {
    const parent = this.#open.at(-1);
    if (this.#open.length >= deepest) throw new Refusal('unreadable', `nested deeper than ${deepest} elements`);
    if (parent === undefined && tag.name !== 'testsuites' && tag.name !== 'testsuite')
      throw new Refusal('unreadable', `begins with <${cut(tag.name, 40)}>, which is no JUnit report`);
    if (parent === undefined) this.#producer = producerOf(tag);
    if (tag.name === 'testsuites' || tag.name === 'testsuite') this.#openSuite(tag, parent);
    else if (tag.name === 'testcase') this.#openCase(tag, parent);
    else if (this.#case !== undefined && parent === 'testcase') this.#case = inCase(this.#case, tag);
    // A set-up or tear-down that broke: no case shows it, and the suite is not well.
    else if (parent === 'testsuite' && (tag.name === 'failure' || tag.name === 'error')) this.#failed(this.#suiteFailure(tag));
    this.#open.push(tag.name);
  }

  close(): void {
    const name = this.#open.pop();
    if (name === 'testcase') this.#closeCase();
    else if (name === 'testsuites' || name === 'testsuite') this.#closeSuite();
  }

  text(chunk: string): void {
    const inside = this.#open.at(-1);
    if (this.#case === undefined || (inside !== 'failure' && inside !== 'error')) return;
    if (this.#case.message.length < longest.message) this.#case = { ...this.#case, message: this.#case.message + chunk };
  }

  comment(comment: string): void {
    const found = /^\s*(fail|cancelled) (\d{1,9})\s*$/.exec(comment);
    if (found !== null && this.#open.length === 1) this.#claimedAtEnd += Number(found[2]);
  }

  evidence(digest: Digest): TestEvidence {
    const { passed, failed, skipped, flaky } = this.#counts;
    if (passed + failed + skipped + flaky === 0) throw new Refusal('empty', 'holds no test case');
    if (this.#claimedAtEnd > failed) this.#claim('the report', this.#claimedAtEnd, failed);
    return {
      kind: 'tests',
      executed: passed + failed + flaky,
      passed,
      failed,
      skipped,
      flaky,
      unexplained: this.#unexplained,
      flakyTests: this.#flakyTests,
      failures: this.#failures,
      warnings: this.#warnings,
      digest,
    };
  }

  #openSuite(tag: SaxesTagPlain, parent: string | undefined): void {
    if (parent !== undefined && parent !== 'testsuites' && parent !== 'testsuite')
      throw new Refusal('unreadable', `a suite inside <${cut(parent, 40)}>`);
    const suite = this.#suites.at(-1);
    if (suite !== undefined) suite.children += 1;
    const failures = (countOf(tag, 'failures') ?? 0) + (countOf(tag, 'errors') ?? 0);
    const name = cut(tag.attributes['name'] ?? 'a suite without a name', longest.name);
    const claims = { tests: countOf(tag, 'tests'), failures };
    this.#suites.push({ name, claims, tests: new Map(), children: 0, cases: 0, failed: 0, retried: 0 });
  }

  #closeSuite(): void {
    const suite = this.#suites.at(-1);
    if (suite === undefined) return;
    for (const test of suite.tests.values()) this.#count(suite, test);
    this.#suites.pop();
    const around = this.#suites.at(-1);
    if (around !== undefined) {
      around.cases += suite.cases;
      around.failed += suite.failed;
      around.retried += suite.retried;
    }
    // node:test counts the children of a suite, everybody else all cases in it.
    const { tests, failures } = suite.claims;
    if (tests !== undefined && tests !== suite.cases && tests !== suite.children)
      this.#warn(`${suite.name}: claims ${tests} tests, holds ${suite.cases}`);
    // Surefire and gotestsum count each attempt as a failure, also those of a test that passed in the end.
    if (failures > suite.failed + suite.retried) this.#claim(suite.name, failures, suite.failed + suite.retried);
  }

  #openCase(tag: SaxesTagPlain, parent: string | undefined): void {
    if (parent !== 'testsuites' && parent !== 'testsuite') throw new Refusal('unreadable', `a test case inside <${cut(parent ?? '', 40)}>`);
    const name = [tag.attributes['classname'], tag.attributes['name']].filter((part) => part !== undefined && part !== '').join(' › ');
    const { classname, failure, file = '', status, result, executed, disabled } = tag.attributes;
    const words = [status, result].flatMap((value) => (value === undefined ? [] : [wordOf(value)]));
    this.#cases += 1;
    // Those of all files stand side by side under the root of node:test.
    const separate = this.#producer === 'javascript' || (this.#producer === 'node' && parent === 'testsuites' && classname === 'test');
    const switchedOff = executed?.toLowerCase() === 'false' || ['true', '1'].includes(disabled?.toLowerCase() ?? '');
    this.#case = {
      name: cut(name === '' ? 'a test without a name' : name, longest.name),
      identity: JSON.stringify([file, classname, tag.attributes['name'], separate ? this.#cases : '']),
      words: switchedOff ? [...words, 'notexecuted'] : words,
      marks: [],
      failureAttribute: failure,
      message: '',
    };
  }

  #closeCase(): void {
    const test = this.#case;
    const suite = this.#suites.at(-1);
    if (test === undefined || suite === undefined) return;
    this.#case = undefined;
    suite.children += 1;
    suite.cases += 1;
    const outcome = classify(test);
    if (outcome !== 'failed' && isPlaceholder(test.name)) return;
    const strange = strangeWord(test);
    if (outcome === 'skipped' && strange !== undefined)
      this.#warn(`${test.name}: status "${cut(strange, 40)}" is not known, so it does not count as executed`);
    // A failure of two dialects: its own attempts are counted in it, and it is one more.
    suite.retried += retriesIn(test);
    const known = suite.tests.get(test.identity) ?? { name: test.name, message: '', attempts: [] };
    suite.tests.set(test.identity, known);
    known.attempts.push(outcome);
    if (outcome === 'failed') known.message = test.message;
  }

  #count(suite: Suite, { name, message, attempts }: Test): void {
    const outcome = foldAttempts(attempts, this.#producer === 'other' ? 'attempts' : 'distinct');
    const failures = attempts.filter((each) => each === 'failed').length;
    suite.retried += outcome === 'failed' ? failures - 1 : failures;
    if (outcome === 'failed') {
      this.#failed({ name, message: cut(message.trim(), longest.message) });
      return;
    }
    this.#counts[outcome] += 1;
    if (outcome === 'flaky' && this.#flakyTests.length < mostFailures) this.#flakyTests.push(name);
  }

  #suiteFailure(tag: SaxesTagPlain): TestFailure {
    const name = this.#suites.at(-1)?.name ?? '';
    return { name, message: cut(tag.attributes['message'] ?? 'the suite itself failed', longest.message) };
  }

  #failed(failure: TestFailure): void {
    this.#counts.failed += 1;
    const suite = this.#suites.at(-1);
    if (suite !== undefined) suite.failed += 1;
    if (this.#failures.length < mostFailures) this.#failures.push(failure);
  }

  #claim(who: string, claimed: number, shown: number): void {
    // The largest, not the sum: a suite and the one around it claim the same failure.
    this.#unexplained = Math.max(this.#unexplained, claimed - shown);
    this.#warn(`${who}: claims ${claimed} failures, shows ${shown}`);
  }

  #warn(warning: string): void {
    if (this.#warnings.length < 20) this.#warnings.push(warning);
  }
}

function inCase(test: TestCase, tag: SaxesTagPlain): TestCase {
  const message = test.message === '' ? cut(tag.attributes['message'] ?? '', longest.message) : test.message;
  const failing = tag.name === 'failure' || tag.name === 'error';
  const mark = { element: tag.name, type: tag.attributes['type'] };
  // A hundred marks on one case say no more than the first ones; a failure is kept whatever came before it.
  const marks = test.marks.length < 100 || failing ? [...test.marks.slice(-100), mark] : test.marks;
  return { ...test, marks, message: failing && message !== '' ? `${message}\n` : test.message };
}

/** A count that a suite claims; Surefire writes thousands commas. What is no number claims nothing. */
function countOf(tag: SaxesTagPlain, attribute: string): number | undefined {
  const value = tag.attributes[attribute]?.replaceAll(',', '');
  return value !== undefined && /^\d{1,9}$/.test(value) ? Number(value) : undefined;
}

const cut = (text: string, length: number): string => (text.length <= length ? text : `${text.slice(0, length)}…`);

const firstLine = (text: string): string => cut(text.split('\n')[0] ?? '', 200);
