import { describe, expect, test } from 'vitest';
import { maskText, secretPatterns, SecretSearch } from '#run';

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
    expect(shown.length).toBeLessThan(Math.max(40, printed.length - secret.length));
    for (const part of [secret, base64(secret).slice(2, -4)]) expect(shown).not.toContain(part);
  });

  test('an output that holds a secret in base64 within more data is seen to hold it', () => {
    expect(new SecretSearch(patterns).push(new TextEncoder().encode(base64(`machine venue login desk password ${secret}\n`)))).toBe(true);
  });

  test('a part of a key file that is printed alone is masked', () => {
    const key = Array.from({ length: 50 }, (_, at) => base64(`line ${at} of a key, long enough to be one`).slice(0, 48)).join('\n');
    expect(maskText(secretPatterns({ KEY: key }), key.slice(500, 900))).toMatch(/^[^*]{0,49}(?:\*\*\*\n)+[^*]{0,49}$/);
  });
});
