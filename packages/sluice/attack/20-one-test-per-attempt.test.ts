import { describe, expect, test } from 'vitest';
import { judgeReport } from './evidence-rig.ts';

describe('20 · one test counted per attempt', () => {
  const attempt = (name: string, inside = ''): string => `<testcase classname="Book" name="${name}">${inside}</testcase>`;
  const suite = (...cases: readonly string[]): string => `<testsuite name="Book">${cases.join('')}</testsuite>`;

  test('a minimum of three tests is not met by two of which one was tried twice', () => {
    expect(judgeReport(suite(attempt('a', '<failure/>'), attempt('a'), attempt('b')), 3).kind).not.toBe('pass');
    expect(judgeReport(suite(attempt('a'), attempt('a'), attempt('a')), 2).kind).not.toBe('pass');
  });

  test('a test that failed last has failed, however often it passed before', () => {
    expect(judgeReport(suite(attempt('a'), attempt('a'), attempt('a', '<failure/>'))).kind).toBe('fail');
  });

  test('a build of Surefire that is green with one flaky test passes, and names it', () => {
    const flaky = '<testcase classname="Book" name="a"><flakyFailure message="x"/><flakyFailure message="x"/></testcase>';
    expect(judgeReport(`<testsuite name="Book" tests="4" failures="2" errors="0">${flaky}${attempt('b')}</testsuite>`)).toMatchObject({
      kind: 'pass',
      because: expect.stringContaining('flaky, passed when tried again: Book › a') as string,
    });
  });

  test('a failure that the totals claim beyond all attempts shown is never a pass (I1)', () => {
    const flaky = '<testcase classname="Book" name="a"><flakyFailure message="x"/></testcase>';
    expect(judgeReport(`<testsuite name="Book" tests="2" failures="3">${flaky}${attempt('b')}</testsuite>`).kind).toBe('inconclusive');
  });
});
