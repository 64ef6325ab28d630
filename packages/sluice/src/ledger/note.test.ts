import { describe, expect, test } from 'vitest';
import { openCheckpoint, signCheckpoint } from './checkpoint.ts';
import { emptyRoot } from './merkle.ts';
import { noteSigner, openNote, parseVerifierKey, signNote, verifierKeyText } from './note.ts';

const signer = noteSigner('exchange.example/ledger', new Uint8Array(32).fill(1));
const other = noteSigner('exchange.example/ledger', new Uint8Array(32).fill(2));
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('a signed note (C2SP)', () => {
  test('the vector of the Go note package verifies', () => {
    const key = parseVerifierKey('PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW');
    if (!key.ok) throw key.error;
    const note =
      'If you think cryptography is the answer to your problem,\n' +
      "then you don't know what your problem is.\n\n" +
      '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n';
    expect(openNote(bytes(note), [key.value])).toMatchObject({ ok: true, value: { signedBy: [{ name: 'PeterNeumann' }] } });
    expect(openNote(bytes(note.replace('answer', 'anwser')), [key.value]).ok).toBe(false);
  });

  test('a verifier key reads back from its line, and a changed one does not', () => {
    const line = verifierKeyText(signer.key);
    expect(parseVerifierKey(`${line}\n`)).toEqual({ ok: true, value: signer.key });
    for (let at = 0; at < line.length; at += 1) {
      const changed = line.slice(0, at) + (line[at] === 'A' ? 'B' : 'A') + line.slice(at + 1);
      expect(parseVerifierKey(changed).ok, changed).toBe(false);
    }
  });

  test('signatures by unknown keys are ignored beside a known one and worthless alone', () => {
    const both = bytes(signNote('text\n', [other, signer]));
    expect(openNote(both, [signer.key])).toMatchObject({ ok: true, value: { text: 'text\n' } });
    expect(openNote(both, [signer.key, other.key])).toMatchObject({ ok: true, value: { signedBy: [other.key, signer.key] } });
    expect(openNote(bytes(signNote('text\n', [other])), [signer.key]).ok).toBe(false);
  });

  test('nothing is signed that another implementation would refuse to read', () => {
    for (const text of ['', 'no end', 'a\n\nb\n', '\na\n', 'a\tb\n', 'a\u0001b\n', 'a\r\n'])
      expect(() => signNote(text, [signer]), JSON.stringify(text)).toThrow('a note is');
    for (const name of ['', 'a b', 'a+b', 'a\nb']) expect(() => noteSigner(name, new Uint8Array(32)), name).toThrow('not the name');
    for (const origin of ['', 'a\nb']) expect(() => signCheckpoint({ origin, size: 0, root: emptyRoot() }, [signer])).toThrow('one line');
  });

  test('any change of any byte of a note with one signature is refused', () => {
    const note = bytes(signCheckpoint({ origin: 'exchange.example/ledger', size: 0, root: emptyRoot() }, [signer]));
    for (let at = 0; at < note.length; at += 1) {
      for (const flip of [1, 2, 4, 8, 16, 32, 64, 128]) {
        const changed = note.slice();
        changed[at] = (changed[at] ?? 0) ^ flip;
        expect(openCheckpoint(changed, [signer.key]).ok, `byte ${at} ^ ${flip}`).toBe(false);
      }
    }
  });

  test('a checkpoint with a size or a root that is none is refused though it is signed', () => {
    const root = Buffer.from(emptyRoot()).toString('base64');
    for (const text of [
      `o\n01\n${root}\n`,
      `o\n-1\n${root}\n`,
      `o\n1e3\n${root}\n`,
      'o\n1\nAAAA\n',
      'o\n1\n',
      `\n1\n${root}\n`,
      `o\n99999999999999999\n${root}\n`,
    ]) {
      if (!text.startsWith('\n')) expect(openCheckpoint(bytes(signNote(text, [signer])), [signer.key]).ok, text).toBe(false);
    }
  });
});
