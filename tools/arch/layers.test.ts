import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { readSourceFiles } from './source-file.ts';
import { rules, violationsIn } from './violations.ts';

const source = join(import.meta.dirname, '../../packages/sluice/src');
const fixtures = join(import.meta.dirname, 'fixtures');

/** A guard that reads nothing passes: this many files are there at least. */
const fewestFiles = 60;

/** What each planted file must be reported for: the last word of its name, or this. */
const planted: Readonly<Record<string, string>> = {
  'rollout/decide.ts': 'determinism',
  'plan/new-date.ts': 'determinism',
  'plan/default.ts': 'export',
};

test('the source keeps the walls of the architecture', () => {
  const files = readSourceFiles(source);
  assert.ok(files.length >= fewestFiles, `only ${files.length} files were visited`);
  const violations = violationsIn(files).map((each) => `${each.path}:${each.line} ${each.rule}: ${each.message}`);
  assert.deepEqual(violations, []);
});

test('each planted violation is reported', async (t) => {
  const files = readSourceFiles(fixtures);
  const all = violationsIn(files);
  for (const file of files) {
    // A circle is reported where it was entered.
    if (file.path === 'plan/two-cycle.ts') continue;
    const rule = planted[file.path] ?? /([a-z]+)\.ts$/.exec(file.path)?.[1];
    await t.test(`${file.path} breaks ${rule}`, () => {
      const reported = all.filter((each) => each.path === file.path).map((each) => each.rule);
      assert.ok(rule !== undefined && reported.includes(rule as (typeof rules)[number]), `reported: ${reported.join(', ') || 'nothing'}`);
    });
  }
});

test('every rule has a planted violation', () => {
  const reported = new Set(violationsIn(readSourceFiles(fixtures)).map((each) => each.rule));
  assert.deepEqual([...reported].toSorted(), [...rules].toSorted());
});
