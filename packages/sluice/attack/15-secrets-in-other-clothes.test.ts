import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { maskText, secretPatterns, SecretSearch } from '#run';
import { ended, sluiceWords, StrangersProject } from './runner-rig.ts';

const secret = 'pa$$"wörd/+1 <x>';
const patterns = secretPatterns({ TOKEN: secret });
const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('15 · secrets in other clothes', () => {
  test.each([
    ['base64 of a header in which it stands', base64(`Authorization: Basic desk:${secret}@venue`)],
    [
      'base64 in lines of 76, begun somewhere before it',
      base64(`${'x'.repeat(53)}${secret}${'y'.repeat(90)}`).replaceAll(/.{76}/g, '$&\n'),
    ],
    ['base64 in a text of JSON, with its line breaks escaped', JSON.stringify(base64(`a${secret}b`).replaceAll(/.{10}/g, '$&\n'))],
    [
      'JSON with each character escaped',
      Array.from(secret)
        .map((char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
        .join(''),
    ],
    ['JSON as PHP escapes slashes, with upper-case escapes', JSON.stringify(secret).replaceAll('/', '\\/').replaceAll('ö', '\\u00F6')],
    ['JSON within JSON', JSON.stringify(JSON.stringify({ secret }))],
    ['XML with numbers', secret.replaceAll(/[^a-z]/g, (char) => `&#x${char.charCodeAt(0).toString(16)};`)],
    ['a query', new URLSearchParams({ secret }).toString()],
    ['a percent-encoded query, encoded once more', encodeURIComponent(encodeURIComponent(secret))],
    ['bytes in hexadecimal, as od and openssl print them', Buffer.from(secret).toString('hex').replaceAll(/../g, '$&:')],
    [
      'octal escapes',
      Buffer.from(secret)
        .toString('hex')
        .replaceAll(/../g, (hex) => `\\${Number.parseInt(hex, 16).toString(8).padStart(3, '0')}`),
    ],
  ])('a job that prints its secret in %s prints a mask (I11)', (_, printed) => {
    const shown = maskText(patterns, `begin ${printed} end`);
    expect(shown).toContain('***');
    expect(shown.length).toBeLessThan(Math.max(40, 'begin  end'.length + printed.length - secret.length));
    for (const part of [secret, base64(secret).slice(2, -4)]) expect(shown).not.toContain(part);
  });

  test('an output that holds a secret in base64 within more data is seen to hold it', () => {
    expect(new SecretSearch(patterns).push(new TextEncoder().encode(base64(`machine venue login desk password ${secret}\n`)))).toBe(true);
  });

  test('a part of a key file that is printed alone is masked', () => {
    const key = Array.from({ length: 50 }, (_, at) => base64(`line ${at} of a key, long enough to be one`).slice(0, 48)).join('\n');
    expect(maskText(secretPatterns({ KEY: key }), key.slice(500, 900))).toMatch(/^[^*]{0,49}(?:\*\*\*\n)+[^*]{0,49}$/);
  });

  const logs = (project: StrangersProject): string =>
    readdirSync(join(project.path, '.sluice', 'runs'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
      .join('');

  describe('descriptors', () => {
    test('there is none by which a step could write past the mask (I11)', async () => {
      const step =
        'for fd in 3 4 5 6 7 8 9; do (eval "echo $TOKEN >&$fd") 2>/dev/null; done; for f in /proc/self/fd/*; do echo "$TOKEN" > $f; done; echo "$TOKEN"';
      using project = new StrangersProject(`x: job({ run: ${JSON.stringify(step)}, secrets: ['TOKEN'] })`);
      await ended(project.start(['run'], { env: { ...project.env, TOKEN: 'hunter22-hunter22' } }));
      expect(logs(project)).not.toContain('hunter22');
      expect(logs(project)).toContain('***');
    });

    test.each(['', `, secrets: ['TOKEN']`])('a step has its two outputs and no other of ours, nor of who called us%s', async (secrets) => {
      using project = new StrangersProject(`x: job({ run: 'ls -l /proc/$$/fd > open.txt; true'${secrets} })`);
      project.write('theirs', 'a file of who calls');
      const words = sluiceWords.map((word) => `'${word}'`).join(' ');
      // Of the caller's descriptors one is low and one is far beyond those that Node closes by itself.
      const caller = `exec 5<theirs; exec 77<theirs; exec ${words} run`;
      await ended(
        spawn('bash', ['-c', caller], {
          cwd: project.path,
          stdio: ['ignore', 'pipe', 'pipe'],
          env: { ...project.env, TOKEN: 'hunter22-hunter22' },
        }),
      );
      const open = readFileSync(join(project.path, 'open.txt'), 'utf8');
      const numbers = [...open.matchAll(/ (\d+) -> /g)].map(([, number]) => Number(number));
      // 10 is where the shell itself keeps what it had before it was told to write to a file.
      expect(numbers).toEqual([0, 1, 10, 2]);
    });
  });
});
