import { verifierKeyText } from '#ledger';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { known, ORIGIN, readerOf, signer, type WrittenLog, writeLog } from '../src/ledger/fixtures/log.ts';
import { proofText, proveEntry, verificationCodes, verifyLog } from '../src/ledger/index.ts';
import { samples } from '../src/ledger/fixtures/entries.ts';

const source = join(import.meta.dirname, '../../../tools/ledger-verifier');
const hasGo = spawnSync('go', ['version'], { stdio: 'ignore' }).status === 0;

// The one check that our own code cannot fool. A machine without Go may go without it, but must say so; continuous integration may not.
test('a Go toolchain is on PATH, so that the ledger is verified by a second implementation', (context) => {
  if (hasGo) return;
  const fact = 'no "go" on PATH: the ledger was NOT verified by the independent implementation; install Go 1.26 or newer';
  if (process.env['CI'] === 'true') throw new Error(fact);
  process.stderr.write(`\nSKIPPED: ${fact}\n`);
  context.skip(fact);
});

describe.runIf(hasGo)('the independent verifier in Go (X-05)', () => {
  const SIZE = 1_300;
  const log = writeLog([300, 400, 600]);
  let folder = '';
  let binary = '';
  let earlier = '';
  let whole = '';

  const exported = (name: string, { files }: Pick<WrittenLog, 'files'>): string => {
    const at = join(folder, name);
    for (const [path, bytes] of files) {
      mkdirSync(dirname(join(at, path)), { recursive: true });
      writeFileSync(join(at, path), bytes);
    }
    return at;
  };
  const verify = (at: string, ...more: readonly string[]) => {
    const { status, stdout, stderr } = spawnSync(binary, ['-origin', ORIGIN, '-key', verifierKeyText(signer.key), ...more, at], {
      encoding: 'utf8',
    });
    return { code: status, said: `${stdout}${stderr}` };
  };

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-ledger-go-'));
    binary = join(folder, 'ledger-verifier');
    earlier = join(folder, 'earlier');
    // Without version control stamps: a clone owned by another user makes git refuse to answer.
    const built = spawnSync('go', ['build', '-buildvcs=false', '-o', binary, '.'], { cwd: source, encoding: 'utf8' });
    if (built.status !== 0) throw new Error(`go build: ${built.stderr}`);
    whole = exported('whole', log);
    writeFileSync(earlier, log.checkpoints[0] ?? '');
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('go vet has nothing to say', () => {
    expect(spawnSync('go', ['vet', './...'], { cwd: source, encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
  });

  test('verifies what we wrote: signature, entries, every tile, an earlier checkpoint', () => {
    expect(verify(whole, '-earlier', earlier)).toEqual({ code: 0, said: `${SIZE} entries verified\n` });
  });

  test.each([0, 1, 255, 256, 257, 512, 65_536 + 300])('verifies a log of %i entries', (size) => {
    expect(verify(exported(`size-${size}`, writeLog([size])))).toEqual({ code: 0, said: `${size} entries verified\n` });
  });

  test.each([0, 255, 256, 1_299])('verifies the proof of entry %i, and not with a byte changed', (index) => {
    const text = proofText(proveEntry(readerOf(log.files), index, log.last.checkpoint));
    const file = join(folder, `entry-${index}.tlog-proof`);
    writeFileSync(file, text);
    expect(verify(whole, '-proof', file).code).toBe(0);
    const line = text.split('\n')[3] ?? '';
    writeFileSync(file, text.replace(line, `${line.startsWith('A') ? 'B' : 'A'}${line.slice(1)}`));
    expect(verify(whole, '-proof', file).code).toBe(12);
    writeFileSync(file, text.replace(`index ${index}`, `index ${index + 1}`));
    expect(verify(whole, '-proof', file).code).toBe(12);
  });

  test('finds every flipped byte that our own verifier finds, with the same code', () => {
    const copy = join(folder, 'flipped');
    cpSync(whole, copy, { recursive: true });
    let tried = 0;
    for (const [path, bytes] of log.files) {
      for (const part of [0, 0.1, 0.37, 0.5, 0.9, 1]) {
        const at = Math.min(bytes.length - 1, Math.floor(bytes.length * part));
        const changed = bytes.with(at, (bytes[at] ?? 0) ^ 1);
        writeFileSync(join(copy, path), changed);
        const ours = verifyLog(readerOf(new Map([...log.files, [path, changed]])), known);
        const theirs = verify(copy);
        tried += 1;
        expect(ours.kind, `${path} at ${at}`).not.toBe('ok');
        expect(theirs.code, `${path} at ${at}: ${theirs.said}`).toBe(verificationCodes[ours.kind]);
        writeFileSync(join(copy, path), bytes);
      }
    }
    expect(tried).toBe(log.files.size * 6);
    expect(verify(copy).code).toBe(0);
  });

  test('finds truncation and a rewritten history by the earlier checkpoint', () => {
    const short = exported('short', writeLog([299]));
    expect(verify(short).code).toBe(0);
    expect(verify(short, '-earlier', earlier).code).toBe(verificationCodes.truncated);
    const rewritten = exported('rewritten', writeLog([SIZE], samples(SIZE, 1)));
    expect(verify(rewritten).code).toBe(0);
    expect(verify(rewritten, '-earlier', earlier).code).toBe(verificationCodes.inconsistent);
  });

  test('refuses another key and another origin, and says when it cannot read', () => {
    expect(spawnSync(binary, ['-origin', 'other', '-key', verifierKeyText(signer.key), whole]).status).toBe(verificationCodes.inconsistent);
    const stranger = verifierKeyText({ ...signer.key, name: 'stranger', id: '00000000' });
    expect(spawnSync(binary, ['-origin', ORIGIN, '-key', stranger, whole]).status).toBe(2);
    expect(verify(join(folder, 'nowhere')).code).toBe(verificationCodes.unreadable);
    expect(readFileSync(join(whole, 'checkpoint'), 'utf8').startsWith(ORIGIN)).toBe(true);
  });
});
