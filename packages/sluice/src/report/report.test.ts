import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseReport, type CoverageEvidence, type Evidence, type ReportFormat, type TestEvidence } from './index.ts';
import * as door from './index.ts';

/** Reports that real tools wrote: node:test of Node 24.21, vitest 5.1; only paths and the host name were replaced. */
const golden = (name: string): string => readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8');

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function evidence(format: ReportFormat, text: string): Evidence {
  const result = parseReport(format, bytes(text), 'report');
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}
const junit = (text: string): TestEvidence => evidence('junit', text) as TestEvidence;
const lcov = (text: string): CoverageEvidence => evidence('lcov', text) as CoverageEvidence;
function refused(format: ReportFormat, text: string | Uint8Array): string {
  const result = parseReport(format, typeof text === 'string' ? bytes(text) : text, 'report');
  return result.ok ? 'accepted' : `${result.error.kind} ${result.error.message}`;
}
const counts = ({ executed, passed, failed, skipped, flaky, unexplained }: TestEvidence) => ({
  executed,
  passed,
  failed,
  skipped,
  flaky,
  unexplained,
});

test('node:test: cases directly under the root and in nested suites are counted, skip and todo are not executed', () => {
  const read = junit(golden('node-mixed.xml'));
  expect(counts(read)).toEqual({ executed: 4, passed: 2, failed: 2, skipped: 2, flaky: 0, unexplained: 0 });
  expect(read.failures.map((each) => each.name)).toEqual(['book.deep › fails', 'book › throws']);
  expect(read.failures[0]?.message).toContain('4 !== 5');
  expect(read.warnings).toEqual([]);
  expect(counts(junit(golden('node-pass.xml')))).toEqual({ executed: 2, passed: 2, failed: 0, skipped: 0, flaky: 0, unexplained: 0 });
});

test('I1: node:test hides the failure of a test whose subtests passed; its own counts give it away', () => {
  const read = junit(golden('node-hooks.xml'));
  expect(counts(read)).toEqual({ executed: 3, passed: 2, failed: 1, skipped: 0, flaky: 0, unexplained: 1 });
  expect(read.warnings).toEqual(['the report: claims 2 failures, shows 1']);
});

test('node:test: a todo that fails is skipped, and only skipped cases are nothing executed', () => {
  expect(counts(junit(golden('node-skipped.xml')))).toEqual({ executed: 0, passed: 0, failed: 0, skipped: 3, flaky: 0, unexplained: 0 });
});

test('vitest: thrown exceptions and files that cannot be imported are failures', () => {
  expect(counts(junit(golden('vitest-mixed.xml')))).toEqual({ executed: 5, passed: 3, failed: 2, skipped: 2, flaky: 0, unexplained: 0 });
  expect(counts(junit(golden('vitest-broken.xml')))).toMatchObject({ executed: 1, failed: 1 });
  expect(counts(junit(golden('vitest-pass.xml')))).toMatchObject({ executed: 2, passed: 2 });
});

test('Z26: a report without a single case is no evidence, whatever it claims', () => {
  expect(refused('junit', golden('node-empty.xml'))).toBe('empty report: holds no test case');
  expect(refused('junit', golden('vitest-empty.xml'))).toBe('empty report: holds no test case');
  expect(refused('junit', '<testsuites tests="40" failures="0"><testsuite tests="40"/></testsuites>')).toContain('empty');
});

test('Z27: totals of zero failures hide no failure, neither nested nor directly under the root', () => {
  const nested =
    '<testsuites failures="0"><testsuite failures="0"><testsuite><testcase name="a"><failure/></testcase></testsuite></testsuite></testsuites>';
  expect(junit(nested).failed).toBe(1);
  expect(junit('<testsuites failures="0"><testcase name="a"><error message="boom"/></testcase></testsuites>').failures).toEqual([
    { name: 'a', message: 'boom' },
  ]);
  expect(junit('<testsuite><error message="set-up broke"/><testcase name="a"/></testsuite>')).toMatchObject({ passed: 1, failed: 1 });
  expect(junit('<testsuite><testcase name="a" failure="boom"/></testsuite>').failed).toBe(1);
  expect(junit('<testsuite><testcase name="a"><failure/><skipped/></testcase></testsuite>').failed).toBe(1);
});

test('a claim of more failures than cases show is kept, once', () => {
  const read = junit('<testsuites failures="2" errors="1"><testsuite failures="3" tests="2"><testcase name="a"/></testsuite></testsuites>');
  expect(read).toMatchObject({ passed: 1, failed: 0, unexplained: 3 });
  expect(read.warnings).toHaveLength(3);
});

test('Z29: a case that failed and passed on retry is flaky, never silently passed', () => {
  const read = junit(
    '<testsuite><testcase name="a"><flakyFailure message="x"/></testcase><testcase name="b"><failure/><rerunFailure/></testcase></testsuite>',
  );
  expect(counts(read)).toMatchObject({ executed: 2, passed: 0, failed: 1, flaky: 1 });
});

test('Z01, Z30: what is no report, or is made to harm, is an error with a reason', () => {
  expect(refused('junit', '')).toBe('empty report: the file is empty');
  expect(refused('junit', ' \n')).toContain('empty report');
  expect(refused('junit', '{"tests": 1}')).toContain('unreadable');
  expect(refused('junit', '<html><testcase/></html>')).toBe('unreadable report: begins with <html>, which is no JUnit report');
  expect(refused('junit', new Uint8Array([0xff, 0xfe, 0x3c, 0x00]))).toBe(
    'unreadable report: not well-formed XML (1:1: document must contain a root element.)',
  );
  const bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><testsuite><testcase name="&b;"/></testsuite>';
  expect(refused('junit', bomb)).toBe('unreadable report: holds a DTD, which is refused');
  expect(refused('junit', '<!DOCTYPE x SYSTEM "http://127.0.0.1/x.dtd"><testsuite><testcase/></testsuite>')).toContain('DTD');
  expect(refused('junit', '<testsuite><testcase name="&unknown;"/></testsuite>')).toContain('unreadable');
  expect(refused('junit', `${'<testsuite>'.repeat(10_000)}<testcase/>${'</testsuite>'.repeat(10_000)}`)).toContain('nested deeper');
  expect(refused('junit', new Uint8Array(64 * 1024 * 1024 + 1).fill(0x20))).toContain('larger than 64 MiB');
  expect(refused('junit', '<testsuite><testcase><testcase/></testcase></testsuite>')).toContain('a test case inside <testcase>');
  expect(refused('junit', '<testsuite><system-out><testcase/></system-out></testsuite>')).toContain('a test case inside <system-out>');
});

test('a report of many failures keeps the first hundred, cut to what a person reads, and counts all', () => {
  const one = (at: number): string => `<testcase name="${'n'.repeat(10_000)}${at}"><failure>${'m'.repeat(100_000)}</failure></testcase>`;
  const read = junit(`<testsuite>${Array.from({ length: 150 }, (_, at) => one(at)).join('')}</testsuite>`);
  expect(read.failed).toBe(150);
  expect(read.failures).toHaveLength(100);
  expect(JSON.stringify(read).length).toBeLessThan(300_000);
});

test('node:test LCOV: lines are counted from DA, not from the sums', () => {
  const read = lcov(golden('node.info'));
  expect(read.files).toEqual([
    { path: 'a.mjs', lines: { found: 9, hit: 5 }, branches: { found: 3, hit: 2 }, covered: [1, 2, 5, 6, 7], missed: [3, 4, 8, 9] },
  ]);
});

test('Z31: stored sums that contradict the lines are ignored, and no line at all is no evidence', () => {
  expect(lcov('SF:a\nDA:1,0\nLF:10\nLH:10\nend_of_record\n').files[0]?.lines).toEqual({ found: 1, hit: 0 });
  expect(refused('lcov', 'SF:a\nLF:10\nLH:10\nend_of_record\n')).toBe('empty report: holds no line (DA)');
  expect(refused('lcov', 'TN:\n')).toContain('empty');
});

test('records of the same file are added up, however its path is spelled', () => {
  const read = lcov(
    'SF:./src/a.ts\nDA:1,1\nDA:2,0\nBRDA:1,0,0,-\nend_of_record\nSF:src\\a.ts\r\nDA:2,3\nDA:3,0\nBRDA:1,0,0,2\nend_of_record',
  );
  expect(read.files).toEqual([
    { path: 'src/a.ts', lines: { found: 3, hit: 2 }, branches: { found: 1, hit: 1 }, covered: [1, 2], missed: [3] },
  ]);
});

test('LCOV that is cut, or says what no tool writes, is an error', () => {
  for (const wrong of [
    'DA:1,1',
    'SF:a\nDA:1,1',
    'SF:a\nSF:b\nend_of_record',
    'end_of_record',
    'SF:\nend_of_record',
    'SF:a\nDA:1,NaN\nend_of_record',
    'SF:a\nDA:1,-1\nend_of_record',
    'SF:a\nDA:1\nend_of_record',
    'SF:a\nBRDA:1,0,0\nend_of_record',
    'hello',
    '<xml/>',
  ])
    expect(refused('lcov', wrong), wrong).toContain('unreadable');
});

const goldenJunit = [
  'node-mixed.xml',
  'node-pass.xml',
  'node-hooks.xml',
  'node-skipped.xml',
  'vitest-mixed.xml',
  'vitest-pass.xml',
  'vitest-broken.xml',
];

test('Z01: every prefix of a JUnit report is an error', () => {
  for (const name of goldenJunit) {
    const whole = golden(name).trimEnd();
    for (let length = 0; length < whole.length; length += 1)
      expect(refused('junit', whole.slice(0, length)), `${name} ${length}`).not.toBe('accepted');
  }
});

test('Z01: every prefix of an LCOV report is an error, unless it ends exactly with a record', () => {
  const whole = golden('node.info').trimEnd();
  const two = `${whole}\n${whole.replace('a.mjs', 'b.mjs')}`;
  for (let length = 0; length < two.length; length += 1) {
    const prefix = two.slice(0, length);
    if (prefix.trimEnd() !== whole) expect(refused('lcov', prefix), prefix.slice(-20)).not.toBe('accepted');
  }
});

test('property: bytes of any kind, and any damage to a report, give evidence or an error, and never a throw or a number that is none', () => {
  const sources = [...goldenJunit.map((name) => ['junit', golden(name)] as const), ['lcov', golden('node.info')] as const];
  const damage = fc.record({
    source: fc.constantFrom(...sources),
    at: fc.nat(5_000),
    remove: fc.nat(40),
    insert: fc.uint8Array({ maxLength: 12 }),
  });
  fc.assert(
    fc.property(damage, ({ source: [format, text], at, remove, insert }) => {
      const whole = bytes(text);
      const from = at % whole.length;
      const damaged = new Uint8Array([...whole.subarray(0, from), ...insert, ...whole.subarray(from + remove)]);
      const result = parseReport(format, damaged, 'report');
      if (!result.ok || result.value.kind !== 'tests') return;
      const { executed, passed, failed, flaky } = result.value;
      expect(executed).toBe(passed + failed + flaky);
      // Damage may rename a case or lose it; it makes none.
      expect(executed + result.value.skipped).toBeLessThanOrEqual((text.match(/<testcase/g) ?? []).length);
    }),
    { numRuns: 2_000 },
  );
  fc.assert(
    fc.property(fc.constantFrom<ReportFormat>('junit', 'lcov'), fc.uint8Array({ maxLength: 200 }), (format, garbage) => {
      expect(parseReport(format, garbage, 'report').ok).toBe(false);
    }),
    { numRuns: 500 },
  );
});

test('the digest is that of the bytes', () => {
  expect(junit(golden('node-pass.xml')).digest).not.toBe(junit(`${golden('node-pass.xml')}\n`).digest);
});

test('the door of the room is exactly this', () => {
  expect(Object.keys(door).toSorted()).toEqual(['parseReport']);
});
