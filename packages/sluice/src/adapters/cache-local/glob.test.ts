import { expect, test } from 'vitest';
import { parseGlob } from './glob.ts';

test.each([
  ['src/**/*.ts', 'src', ['src/a.ts', 'src/b/c.ts'], ['src/a.js', 'lib/a.ts', 'src/a.ts/b']],
  ['**', '', ['a', 'a/b', '.env'], []],
  ['src/**', 'src', ['src/a', 'src/b/c'], ['srcs/a']],
  ['{src,test}/*.[jt]s', '', ['src/a.ts', 'test/b.js'], ['src/a/b.ts', 'src/a.cs']],
  ['pkg/*/[!a]?.json', 'pkg', ['pkg/x/bc.json'], ['pkg/x/ab.json', 'pkg/x/bcd.json']],
  ['a+b/(x).$*', 'a+b', ['a+b/(x).$1'], ['aab/(x).$1']],
])('the glob %s begins at "%s", matches %j and not %j', (glob, base, matching, others) => {
  const parsed = parseGlob(glob);
  expect(parsed.base).toBe(base);
  for (const path of matching) expect(parsed.pattern?.test(path), path).toBe(true);
  for (const path of others) expect(parsed.pattern?.test(path), path).toBe(false);
});

test('a glob without wildcards is one path', () => {
  expect(parseGlob('./src/main.ts')).toEqual({ base: 'src/main.ts', pattern: undefined });
  expect(parseGlob('src/')).toEqual({ base: 'src', pattern: undefined });
});
