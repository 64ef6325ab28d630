import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { globProblem, parseGlob } from './index.ts';

test.each([
  ['src/**/*.ts', 'src', ['src/a.ts', 'src/b/c.ts'], ['src/a.js', 'lib/a.ts', 'srcs/a.ts']],
  ['**', '', ['a', 'a/b', '.env'], []],
  ['src/**', 'src', ['src/a', 'src/b/c', 'src/.x'], ['srcs/a', 'src', 'other/src/a']],
  ['{src,test}/*.[jt]s', '', ['src/a.ts', 'test/b.js'], ['src/a/b.ts', 'src/a.cs']],
  ['pkg/*/[!a]?.json', 'pkg', ['pkg/x/bc.json'], ['pkg/x/ab.json', 'pkg/x/bcd.json', 'pkg/x//.json']],
  ['a+b/(x).$*', 'a+b', ['a+b/(x).$1'], ['aab/(x).$1']],
  ['**/*.js', '', ['a.js', 'x/y/a.js'], ['a.jsx/b.ts', 'a_js']],
  ['**.js', '', ['a.js', 'x/y/a.js'], ['a.ts']],
  ['*.json', '', ['package.json'], ['a/package.json']],
  ['{a,b}/[xy]?.ts', '', ['a/x1.ts', 'b/y2.ts'], ['c/x1.ts', 'a/z1.ts', 'a/x.ts']],
  ['{a/b,c}/x', '', ['a/b/x', 'c/x'], ['a/x', 'b/x']],
  ['a/**/b/**/c', 'a', ['a/b/c', 'a/x/b/y/z/c'], ['a/c', 'b/c', 'a/bc']],
  ['src/*', 'src', ['src/a', 'src/a/b'], ['src', 'lib/a']],
  ['node_module?', '', ['node_modules/a/b.js'], ['node_modules2/a']],
  ['pages/[id].ts', 'pages', ['pages/[id].ts', 'pages/i.ts', 'pages/d.ts'], ['pages/x.ts', 'pages/id.ts']],
  ['app/[post-id]/[[...slug]]/*.tsx', 'app', ['app/[post-id]/[[...slug]]/page.tsx'], ['app/x/page.tsx']],
  ['a/{id}.ts', 'a', ['a/{id}.ts', 'a/id.ts'], ['a/i.ts']],
  ['x[]a]', '', ['x]', 'xa', 'x[]a]'], ['xb']],
  ['?', '', ['a', 'ü', '😀', '\0e9'], ['ab', '']],
  ['./!x*', '', ['!x', '!xy'], ['y']],
])('the pattern %s begins at "%s", matches %j and not %j', (source, base, matching, others) => {
  expect(globProblem(source)).toBeUndefined();
  const glob = parseGlob(source);
  expect(glob.base).toBe(base);
  for (const path of matching) expect(glob.matches(path), path).toBe(true);
  for (const path of others) expect(glob.matches(path), path).toBe(false);
});

test('a pattern without wildcards is one path, with all below it', () => {
  for (const source of ['./src/main.ts', 'src//main.ts/', 'src/./main.ts']) {
    const glob = parseGlob(source);
    expect(glob).toMatchObject({ base: 'src/main.ts', literal: true });
    expect(['src/main.ts', 'src/main.ts/a', 'src/main.tsx', 'src'].map(glob.matches)).toEqual([true, true, false, false]);
  }
  expect(parseGlob('.')).toMatchObject({ base: '', literal: true });
});

test('a folder is reached when something below it may be matched', () => {
  const reached = (source: string, folders: readonly string[]): readonly string[] => folders.filter(parseGlob(source).reaches);
  const folders = ['', 'src', 'src/a', 'lib', 'src/a/b'];
  expect(reached('src/*/*.ts', folders)).toEqual(['', 'src', 'src/a']);
  expect(reached('src/a/x.ts', folders)).toEqual(['', 'src', 'src/a']);
  expect(reached('{src,lib}/*', folders)).toEqual(['', 'src', 'src/a', 'lib', 'src/a/b']);
  expect(reached('src/a', folders)).toEqual(['', 'src', 'src/a', 'src/a/b']);
  expect(reached('src/a/**', folders)).toEqual(['', 'src', 'src/a', 'src/a/b']);
  expect(reached('**/*.ts', folders)).toEqual(folders);
});

test('what is not closed, and what is beyond every bound, is named', () => {
  for (const source of ['a/{b,c', 'a}', 'a[', '{{a}}', '[a/b]']) expect(globProblem(source), source).toMatch(/do not fit/);
  expect(globProblem('a'.repeat(501))).toMatch(/at most 500 characters/);
  expect(globProblem('*a'.repeat(51))).toMatch(/at most 50 wildcards/);
});

test('a pattern takes no more steps than the path is long, whatever it could try', () => {
  const path = `${'a'.repeat(4_000)}/${'a/'.repeat(40)}c`;
  // Each of these takes an expression that backtracks longer than a test may take.
  for (const source of [
    `${'*a'.repeat(25)}b`,
    `${'**/a/'.repeat(10)}b`,
    `${'**a'.repeat(16)}b`,
    `${'{a*,a,*a}'.repeat(16)}b`,
    `*a${'?'.repeat(48)}b`,
  ])
    expect(parseGlob(source).matches(path), source).toBe(false);
});

test('property: a pattern matches what the same pattern as an expression matches, and what lies below that', () => {
  const part = fc.constantFrom('a', 'b', '*', '?', '**', '[ab]', '[!a]', '{a,bb}', '{b*,a}');
  const segment = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('').replaceAll(/\*{2,}/g, '*'));
  const pattern = fc.array(fc.oneof(segment, fc.constant('**')), { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
  const path = fc.array(fc.stringMatching(/^[abc]{1,3}$/), { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
  fc.assert(
    fc.property(pattern, path, (source, given) => {
      const parts = given.split('/');
      const whole = expressionOf(source);
      const expected = parts.some((_, at) => whole.test(parts.slice(0, at + 1).join('/')));
      expect(parseGlob(source).matches(given)).toBe(expected);
    }),
    { numRuns: 2_000 },
  );
});

/** The obvious translation, which is right and slow. */
function expressionOf(source: string): RegExp {
  const body = source.replaceAll(/(?<=^|\/)\*\*\/|(?<=^|\/)\*\*$|\*|\?|\{|\}|,|\[!/g, (token) => {
    if (token === '**/') return '(?:[^/]+/)*';
    if (token === '**') return '.+';
    return { '*': '[^/]*', '?': '[^/]', '{': '(?:', '}': ')', ',': '|', '[!': '[^/' }[token] ?? token;
  });
  return new RegExp(`^${body}$`);
}
