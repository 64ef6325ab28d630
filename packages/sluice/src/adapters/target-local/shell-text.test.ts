import { describe, expect, test } from 'vitest';
import { readShell } from './shell-text.ts';

const lasting = (text: string): readonly string[] =>
  readShell(text).commands.map(({ kind, words }) => `${kind} ${words.map((word) => word ?? '?').join(' ')}`);

describe('what a shell text runs that lasts', () => {
  test.each([
    ['exec node server.mjs', ['exec node server.mjs']],
    ['#!/bin/sh\nset -e\n# exec python\nmkdir -p data\nexec node server.mjs --port "$PORT"\n', ['exec node server.mjs --port ?']],
    ['FOO=1 BAR="x y" exec env node x', ['exec env node x']],
    ['exec -a api node x', ['exec node x']],
    ['exec "$JAVA_HOME/bin/java" -jar x', ['exec ? -jar x']],
    ['exec "$@"', ['exec $@']],
    ['exec >> log 2>&1\nexec ./server', ['exec ./server']],
    ['if [ -n "$A" ]; then exec node a.mjs; else exec python3 b.py; fi', ['exec node a.mjs', 'exec python3 b.py']],
    ['echo hi && exec node x', ['exec node x']],
    ['cd app && node x', ['stays node x']],
    ['node a.mjs &\nnode b.mjs & wait', ['stays node a.mjs', 'stays node b.mjs']],
    ["exec 'my server' a\\ b", ['exec my server a b']],
    ['cat <<EOF > x\nexec python\nEOF\nexec node x', ['exec node x']],
    ['exec node \\\n  x', ['exec node x']],
    ['', []],
    ['exec `which node` x', ['exec ? x']],
    ["exec 'unclosed", ['exec unclosed']],
  ])('%s', (text, expected) => {
    expect(lasting(text)).toEqual(expected);
  });

  test('a shell is left only when nothing replaced it at the end', () => {
    expect(readShell('exec node x').replaced).toBe(true);
    expect(readShell('[ -n "$A" ] && exec node x\nnode y').replaced).toBe(false);
  });

  test('a text of a megabyte is read in one walk', () => {
    expect(lasting(`${'# comment\n"$x" \'y\' <<A\nA\n'.repeat(40_000)}exec node x`).at(-1)).toBe('exec node x');
  });
});
