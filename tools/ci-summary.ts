/** The last line of a CI run: cases from the reports in `reports/`, and each `name=exit-code` argument as one case more. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { countCases } from './junit-count.ts';

const folder = join(import.meta.dirname, '../reports');
let passed = 0;
let failed = 0;
let skipped = 0;

for (const name of readdirSync(folder).filter((each) => each.endsWith('.xml'))) {
  try {
    const count = countCases(readFileSync(join(folder, name), 'utf8'));
    passed += count.passed;
    failed += count.failed;
    skipped += count.skipped;
  } catch (error) {
    console.log(`✖ ${name}: ${error instanceof Error ? error.message : String(error)}`);
    failed += 1;
  }
}

for (const argument of process.argv.slice(2)) {
  const [name, code] = argument.split('=');
  if (code === '0') {
    passed += 1;
  } else {
    console.log(`✖ ${name} ended with exit code ${code}`);
    failed += 1;
  }
}

console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed === 0 ? 0 : 1;
