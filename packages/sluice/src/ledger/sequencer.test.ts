import { describe, expect, test } from 'vitest';
import { openCheckpoint } from './checkpoint.ts';
import { sample, samples } from './fixtures/entries.ts';
import { known, ORIGIN, readerOf, signer, writeLog } from './fixtures/log.ts';
import { emptyRoot, rootOf } from './merkle.ts';
import { noteSigner } from './note.ts';
import { emptyLog, integrate, resumeLog } from './sequencer.ts';
import { bundlePath, pathsOf, tileNodes, tilePath } from './tiles.ts';
import { verifyLog } from './verify.ts';

describe('the sequencer', () => {
  test('paths are those of C2SP tlog-tiles', () => {
    expect(tilePath(0, 0, 256)).toBe('tile/0/000');
    expect(tilePath(1, 1_234_067, 256)).toBe('tile/1/x001/x234/067');
    expect(tilePath(0, 273, 112)).toBe('tile/0/273.p/112');
    expect(bundlePath(1_000, 1)).toBe('tile/entries/x001/000.p/1');
    expect(pathsOf(70_000).filter((path) => path.includes('.p/'))).toEqual([
      'tile/entries/273.p/112',
      'tile/0/273.p/112',
      'tile/1/001.p/17',
      'tile/2/000.p/1',
    ]);
  });

  test('the files of a log are exactly those of its size, however it was cut into batches', () => {
    const whole = writeLog([700]);
    for (const batches of [
      [1, 254, 1, 1, 255, 188],
      [256, 256, 188],
      [699, 1],
      [0, 700, 0],
    ]) {
      const { files, last } = writeLog(batches);
      expect([...files.keys()].toSorted()).toEqual(['checkpoint', ...pathsOf(700)].toSorted());
      for (const [path, bytes] of whole.files) expect(files.get(path), path).toEqual(bytes);
      expect(last.state.size).toBe(700);
    }
  });

  test('indices have no gap, and the state found again in the files goes on where it stopped', () => {
    const { files, last } = writeLog([300, 77]);
    const resumed = resumeLog(readerOf(files), { origin: ORIGIN, keys: known.keys, lastSigned: last.checkpoint });
    expect(resumed).toEqual({ ok: true, value: last.state });
    const more = integrate(last.state, samples(3, 377), { lastSigned: last.checkpoint, signers: [signer] });
    expect(more).toMatchObject({ ok: true, value: { entries: [{ seq: 377 }, { seq: 378 }, { seq: 379 }] } });
  });

  test('a log whose database was put back to an older state is not continued: it would sign a second history', () => {
    const old = writeLog([10]);
    const { last } = writeLog([10, 5]);
    const resume = (lastSigned: typeof last.checkpoint | undefined) =>
      resumeLog(readerOf(old.files), { origin: ORIGIN, keys: known.keys, lastSigned });
    expect(resume(last.checkpoint)).toMatchObject({ ok: false, error: { details: { signed: 15, stored: 10 } } });
    expect(resume(old.last.checkpoint).ok).toBe(true);
    expect(integrate(old.last.state, samples(1), { lastSigned: last.checkpoint, signers: [signer] }).ok).toBe(false);
    expect(integrate(emptyLog(ORIGIN), samples(1), { lastSigned: last.checkpoint, signers: [signer] }).ok).toBe(false);
    expect(resumeLog(readerOf(new Map()), { origin: ORIGIN, keys: known.keys, lastSigned: last.checkpoint }).ok).toBe(false);
  });

  test('another history of the same length is not continued either', () => {
    const { last } = writeLog([10]);
    const forked = writeLog([10], samples(10, 500));
    expect(resumeLog(readerOf(forked.files), { origin: ORIGIN, keys: known.keys, lastSigned: last.checkpoint }).ok).toBe(false);
    expect(integrate(forked.last.state, samples(1), { lastSigned: last.checkpoint, signers: [signer] }).ok).toBe(false);
  });

  test('damaged or missing files at the edge are named, and nothing is appended', () => {
    const { files, last } = writeLog([300]);
    for (const path of pathsOf(300).filter((name) => name.includes('.p/'))) {
      const without = new Map(files);
      without.delete(path);
      expect(resumeLog(readerOf(without), { origin: ORIGIN, keys: known.keys, lastSigned: last.checkpoint })).toMatchObject({
        ok: false,
        error: { message: expect.stringContaining(path) as string },
      });
    }
  });

  test('an entry that is no entry stops the batch and signs nothing', () => {
    const { last } = writeLog([3]);
    const bad = { ...sample('run.started'), env: 'Erin Example' };
    expect(integrate(last.state, [bad], { lastSigned: last.checkpoint, signers: [signer] }).ok).toBe(false);
  });

  test('the first checkpoint of an empty log is the empty root, and verifies', () => {
    const { files, checkpoints } = writeLog([0]);
    const opened = openCheckpoint(checkpoints[0] ?? new Uint8Array(0), known.keys);
    expect(opened).toMatchObject({ ok: true, value: { size: 0, root: emptyRoot() } });
    expect(verifyLog(readerOf(files), known).kind).toBe('ok');
  });

  test('the root read back from tiles is the root that was signed, for every earlier size too', () => {
    const { files, last } = writeLog([600]);
    const read = tileNodes(readerOf(files), 600);
    expect(rootOf(600, read)).toEqual(last.checkpoint.root);
    for (const size of [1, 255, 256, 257, 512, 599])
      expect(rootOf(size, read)).toEqual(writeLog([size], samples(size)).last.checkpoint.root);
  });

  test('a crash after any number of written files leaves the log that the old checkpoint signed', () => {
    for (const [before, more] of [
      [300, 1],
      [300, 250],
      [511, 1],
      [256, 256],
      [255, 2],
    ] as const) {
      const old = writeLog([before], samples(before));
      const next = integrate(old.last.state, samples(more, before), { lastSigned: old.last.checkpoint, signers: [signer] });
      if (!next.ok) throw next.error;
      const files = new Map(old.files);
      for (const file of next.value.files) {
        files.set(file.path, file.bytes);
        expect(verifyLog(readerOf(files), known)).toMatchObject({ kind: 'ok', checkpoint: { size: before } });
        expect(resumeLog(readerOf(files), { origin: ORIGIN, keys: known.keys, lastSigned: old.last.checkpoint })).toEqual({
          ok: true,
          value: old.last.state,
        });
      }
      files.set('checkpoint', new TextEncoder().encode(next.value.checkpoint.note));
      expect(verifyLog(readerOf(files), known)).toMatchObject({ kind: 'ok', checkpoint: { size: before + more } });
      for (const path of next.value.superseded) files.delete(path);
      expect(verifyLog(readerOf(files), { ...known, earlier: old.checkpoints })).toMatchObject({
        kind: 'ok',
        checkpoint: { size: before + more },
      });
    }
  });

  test('while two keys overlap, either verifies the checkpoint', () => {
    const { last } = writeLog([5]);
    const next = noteSigner(ORIGIN, new Uint8Array(32).fill(8));
    const rotated = integrate(last.state, samples(1, 5), { lastSigned: last.checkpoint, signers: [signer, next] });
    if (!rotated.ok) throw rotated.error;
    for (const { key } of [signer, next])
      expect(openCheckpoint(new TextEncoder().encode(rotated.value.checkpoint.note), [key]).ok).toBe(true);
  });
});
