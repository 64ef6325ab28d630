import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countCases } from './junit-count.ts';

test('cases are counted by their children, not by the totals of the report', () => {
  const xml = `<?xml version="1.0"?><testsuites tests="99" failures="0"><testsuite tests="3">
    <testcase name="a &gt; b" time="0.1"/><testcase name="c"><failure message="x"/></testcase><testcase name="d"><skipped/></testcase>
    <testcase name="e" file="f>g.ts"></testcase></testsuite></testsuites>`;
  assert.deepEqual(countCases(xml), { passed: 2, failed: 1, skipped: 1 });
});

test('a report that is cut short is no report', () => {
  assert.throws(() => countCases('<testsuites><testsuite><testcase name="a"/>'), /cut short/);
});

test('a self-closed case does not swallow the failure of the next', () => {
  const xml = '<testsuites><testcase name="a"/><testcase name="b"><error/></testcase></testsuites>';
  assert.deepEqual(countCases(xml), { passed: 1, failed: 1, skipped: 0 });
});
