/** One line for each kind of attack, in the order of their numbers: how many were tried, and which got through. */
import type { Reporter, TestCase, TestModule } from 'vitest/node';

type Kind = { held: number; readonly through: string[]; skipped: number };

export default class AttackReporter implements Reporter {
  readonly #kinds = new Map<string, Kind>();

  onTestModuleEnd(module: TestModule): void {
    for (const test of module.children.allTests()) this.#count(test);
    for (const error of module.errors()) this.#kind(module.relativeModuleId).through.push(error.stack ?? error.message);
  }

  onTestRunEnd(): void {
    const rows = [...this.#kinds].toSorted(([one], [other]) => one.localeCompare(other, 'en', { numeric: true }));
    const width = Math.max(0, ...rows.map(([kind]) => kind.length));
    for (const [kind, { held, through, skipped }] of rows) {
      const aside = skipped === 0 ? '' : `, ${skipped} not tried here`;
      console.log(`  ${through.length === 0 ? '✔' : '✖'} ${kind.padEnd(width)}   ${held} held${aside}`);
      for (const each of through) console.log(each.replaceAll(/^/gm, '      '));
    }
    const held = rows.reduce((sum, [, kind]) => sum + kind.held, 0);
    console.log(`  ${held} attacks of ${rows.length} kinds held`);
  }

  #count(test: TestCase): void {
    const kind = this.#kind(kindOf(test));
    const { state, errors = [] } = test.result();
    if (state === 'passed') kind.held += 1;
    else if (state === 'skipped') kind.skipped += 1;
    else kind.through.push([`got through: ${test.name}`, ...errors.map((error) => error.stack ?? error.message)].join('\n'));
  }

  #kind(name: string): Kind {
    const kind = this.#kinds.get(name) ?? { held: 0, through: [], skipped: 0 };
    this.#kinds.set(name, kind);
    return kind;
  }
}

/** The outermost `describe` around a test names its kind. */
function kindOf(test: TestCase): string {
  let name = test.module.relativeModuleId;
  for (let at: TestCase['parent'] = test.parent; at.type === 'suite'; at = at.parent) name = at.name;
  return name;
}
