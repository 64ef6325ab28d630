import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseReport, type TestEvidence } from './index.ts';

/** Written by GoogleTest 1.12, CTest 3.25, gotestsum 1.13 and Surefire 3.5; host names, properties and stack frames were left out. */
const golden = (name: string): Uint8Array => readFileSync(new URL(`fixtures/${name}`, import.meta.url));

function junit(report: string | Uint8Array): TestEvidence {
  const result = parseReport('junit', typeof report === 'string' ? new TextEncoder().encode(report) : report, 'report');
  if (!result.ok) throw new Error(result.error.message);
  return result.value as TestEvidence;
}
const counts = (report: string | Uint8Array) => {
  const { executed, passed, failed, skipped, flaky, unexplained } = junit(report);
  return { executed, passed, failed, skipped, flaky, unexplained };
};
const one = (attributes: string, inside = ''): string =>
  `<testsuite name="s" tests="1"><testcase classname="c" name="a" ${attributes}>${inside}</testcase></testsuite>`;

test('I1: GoogleTest: a disabled test is in the report and did not run', () => {
  expect(counts(golden('gtest-disabled.xml'))).toEqual({ executed: 0, passed: 0, failed: 0, skipped: 2, flaky: 0, unexplained: 0 });
  expect(counts(golden('gtest-mixed.xml'))).toEqual({ executed: 2, passed: 1, failed: 1, skipped: 3, flaky: 0, unexplained: 0 });
});

test('I1: CTest: disabled, skipped and tests whose program is missing did not run', () => {
  expect(counts(golden('ctest-mixed.xml'))).toEqual({ executed: 2, passed: 1, failed: 1, skipped: 3, flaky: 0, unexplained: 0 });
});

test.each(['notrun', 'NotExecuted', 'not_run', 'disabled', 'SUPPRESSED', 'ignored', 'pending', 'untested', 'Inconclusive', 'quarantined'])(
  'I1: a case of status "%s" is not executed, whether we know the word or not',
  (word) => {
    for (const attribute of ['status', 'result']) expect(junit(one(`${attribute}="${word}"`))).toMatchObject({ executed: 0, skipped: 1 });
  },
);

test('I1: elements and attributes that say "not executed" are heard, in every dialect', () => {
  for (const element of ['disabled', 'ignored', 'pending', 'notrun', 'skip', 'inconclusive', 'warning'])
    expect(junit(one('', `<${element}/>`)), element).toMatchObject({ executed: 0, skipped: 1 });
  for (const attribute of ['executed="False"', 'disabled="true"']) expect(junit(one(attribute)), attribute).toMatchObject({ executed: 0 });
});

test('I1: a case whose status alone says that it failed has failed', () => {
  for (const word of ['fail', 'FAILED', 'error', 'timed-out']) expect(junit(one(`status="${word}"`)), word).toMatchObject({ failed: 1 });
});

test('a status that nobody knows is told', () => {
  expect(junit(one('status="quarantined"')).warnings).toEqual([
    'c › a: status "quarantined" is not known, so it does not count as executed',
  ]);
  for (const word of ['run', 'PASSED', 'Completed', 'success', '0'])
    expect(junit(one(`status="${word}"`)), word).toMatchObject({ passed: 1 });
});

test('I1: what a runner writes where nothing ran is no test, and a failing one is a failure', () => {
  const suite = (name: string, inside = ''): string => `<testsuite><testcase name="${name}">${inside}</testcase></testsuite>`;
  for (const name of [
    '[BeforeSuite]',
    '[SynchronizedAfterSuite]',
    '[DeferCleanup (Suite)] cleanup',
    'No tests found',
    'no tests were executed.',
  ])
    expect(() => junit(suite(name)), name).toThrow('holds no test case');
  expect(junit(suite('[BeforeSuite]', '<failure message="no venue"/>'))).toMatchObject({ failed: 1, passed: 0 });
  expect(junit(suite('no tests are lost'))).toMatchObject({ passed: 1 });
});

test('Z29: gotestsum writes each attempt as a case of its own: together they are one test, and a flaky one is named', () => {
  expect(counts(golden('gotestsum-reruns.xml'))).toEqual({ executed: 2, passed: 1, failed: 0, skipped: 0, flaky: 1, unexplained: 0 });
  expect(junit(golden('gotestsum-reruns.xml')).flakyTests).toEqual(['example.com/book › TestFlaky']);
});

test('Z29: Surefire: a flaky test of a green build explains the failures that its totals claim', () => {
  expect(counts(golden('surefire-flaky.xml'))).toEqual({ executed: 2, passed: 1, failed: 0, skipped: 1, flaky: 1, unexplained: 0 });
  // Other releases of Surefire count each attempt in the totals.
  const counted = new TextDecoder()
    .decode(golden('surefire-flaky.xml'))
    .replace('failures="0"', 'failures="2"')
    .replace('tests="1"', 'tests="5"');
  expect(counts(counted)).toMatchObject({ flaky: 1, unexplained: 0 });
});

test('Z29: three attempts at one test are one test; the last one decides, and failures that nothing shows stay unexplained', () => {
  const attempt = (inside = ''): string => `<testcase classname="c" name="a">${inside}</testcase>`;
  const suite = (failures: number, ...attempts: readonly string[]): string =>
    `<testsuite name="s" failures="${failures}">${attempts.join('')}</testsuite>`;
  expect(counts(suite(0, attempt(), attempt(), attempt()))).toMatchObject({ executed: 1, passed: 1 });
  expect(counts(suite(2, attempt('<failure/>'), attempt('<failure/>'), attempt()))).toMatchObject({
    executed: 1,
    flaky: 1,
    unexplained: 0,
  });
  expect(counts(suite(3, attempt('<failure/>'), attempt('<failure/>'), attempt()))).toMatchObject({ flaky: 1, unexplained: 1 });
  expect(counts(suite(1, attempt(), attempt('<failure/>')))).toMatchObject({ executed: 1, failed: 1, unexplained: 0 });
  expect(counts(suite(1, attempt('<failure/>'), attempt('<skipped/>')))).toMatchObject({ executed: 1, failed: 1 });
});

test('I1: runners of JavaScript allow equal names for different tests: a failure among them is never taken for an attempt', () => {
  const cases = '<testcase classname="c" name="a"><failure/></testcase><testcase classname="c" name="a"/>';
  expect(junit(`<testsuites name="vitest tests"><testsuite name="s">${cases}</testsuite></testsuites>`)).toMatchObject({
    failed: 1,
    flaky: 0,
  });
  expect(junit(`<testsuites><testsuite name="s">${cases}</testsuite></testsuites>`)).toMatchObject({ failed: 1, flaky: 0 });
});

test('equal names in two suites, or two files, are two tests', () => {
  expect(
    junit('<testsuites name="x"><testsuite><testcase name="a"/></testsuite><testsuite><testcase name="a"/></testsuite></testsuites>'),
  ).toMatchObject({ executed: 2 });
  expect(junit('<testsuites name="x"><testcase name="a" file="1"/><testcase name="a" file="2"/></testsuites>')).toMatchObject({
    executed: 2,
  });
});

test('each legal encoding of XML is read, and a name in it comes out right', () => {
  const text = (encoding: string): string =>
    `<?xml version="1.0" encoding="${encoding}"?><testsuite><testcase name="Prüfung"><failure/></testcase></testsuite>`;
  const utf16 = (order: 'le' | 'be', mark: boolean): Uint8Array => {
    const bytes = Buffer.from(`${mark ? '\uFEFF' : ''}${text('UTF-16')}`, 'utf16le');
    return order === 'le' ? bytes : bytes.swap16();
  };
  const all = [
    Buffer.from(text('ISO-8859-1'), 'latin1'),
    Buffer.from(text('windows-1252'), 'latin1'),
    Buffer.from(text('utf-8')),
    Buffer.from(`\uFEFF${text('UTF-8')}`),
    utf16('le', true),
    utf16('be', true),
    utf16('le', false),
    utf16('be', false),
  ];
  for (const bytes of all) expect(junit(bytes).failures[0]?.name).toBe('Prüfung');
});

test('I1: bytes that are not of the encoding that a report declares are no evidence', () => {
  const bytes = Buffer.from('<?xml version="1.0" encoding="UTF-8"?><testsuite><testcase name="Prüfung"/></testsuite>', 'latin1');
  expect(parseReport('junit', bytes, 'report')).toMatchObject({ ok: false, error: { kind: 'unreadable' } });
  const strange = new TextEncoder().encode('<?xml version="1.0" encoding="x-secret"?><testsuite><testcase name="a"/></testsuite>');
  expect(parseReport('junit', strange, 'report')).toMatchObject({ ok: false });
});

test('LCOV: rows of line 0 are made by the compiler: left out and told, the rest counts', () => {
  const text = 'SF:a.cc\nDA:0,1\nDA:1,1\nDA:2,0\nBRDA:0,0,0,1\nend_of_record\n';
  const read = parseReport('lcov', new TextEncoder().encode(text), 'report');
  expect(read).toMatchObject({
    ok: true,
    value: {
      files: [{ lines: { found: 2, hit: 1 }, branches: { found: 0 } }],
      warnings: ['2 rows of line 0 left out: made by the compiler'],
    },
  });
});

test('I1: LCOV in which every row is made by the compiler is no evidence', () => {
  const text = 'SF:a.cc\nDA:0,1\nend_of_record\n';
  expect(parseReport('lcov', new TextEncoder().encode(text), 'report')).toMatchObject({ ok: false, error: { kind: 'empty' } });
});
