import { describe, expect, test } from 'vitest';
import { judgeReport } from './evidence-rig.ts';

describe('19 · a case that did not run counts as passed', () => {
  const suite = (...cases: readonly string[]): string =>
    `<testsuites tests="${cases.length}" name="AllTests"><testsuite name="s">${cases.join('')}</testsuite></testsuites>`;

  test('a GoogleTest report of disabled tests only does not pass (I1)', () => {
    const disabled = (name: string): string => `<testcase name="${name}" classname="Book" status="notrun" result="suppressed"/>`;
    expect(judgeReport(suite(disabled('DISABLED_a'), disabled('DISABLED_b'))).kind).not.toBe('pass');
  });

  test('a CTest report of disabled tests only does not pass (I1)', () => {
    expect(
      judgeReport(
        '<testsuite name="x" tests="1"><testcase name="a" status="disabled"><system-out>Disabled</system-out></testcase></testsuite>',
      ).kind,
    ).not.toBe('pass');
  });

  test.each(['NotExecuted', 'ignored', 'pending', 'untested', 'quarantined', 'Not_Run'])(
    'nor one in which every case is of status "%s"',
    (status) => {
      expect(judgeReport(suite(`<testcase name="a" status="${status}"/>`)).kind).not.toBe('pass');
    },
  );

  test('what did not run fills no minimum', () => {
    const ran = '<testcase name="a" status="run" result="completed"/>';
    expect(judgeReport(suite(ran, '<testcase name="b" result="suppressed"/>', '<testcase name="c" executed="False"/>'), 2).kind).not.toBe(
      'pass',
    );
    expect(judgeReport(suite(ran)).kind).toBe('pass');
  });

  test('placeholders of a runner that ran nothing are no tests', () => {
    expect(
      judgeReport(suite('<testcase name="[BeforeSuite]" status="passed"/>', '<testcase name="[AfterSuite]" status="passed"/>')).kind,
    ).not.toBe('pass');
    expect(judgeReport(suite('<testcase name="No tests found"/>')).kind).not.toBe('pass');
  });
});
