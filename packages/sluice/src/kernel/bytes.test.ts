import { expect, test } from 'vitest';
import { bytes, formatBytes } from './bytes.ts';

test('amounts are written with their unit, in powers of 1,024', () => {
  expect(['0B', '1KiB', '512MiB', '1.5GiB', '2 TiB'].map(bytes)).toEqual([0, 1_024, 536_870_912, 1_610_612_736, 2_199_023_255_552]);
});

test.each(['', '1', '1GB', '-1MiB', '1e3MiB', '9999999999TiB', '1 000MiB'])('%j is refused, with how it is written', (written) => {
  expect(() => bytes(written)).toThrow('write it like');
});

test('an amount is shown in the largest unit it fills', () => {
  expect([0, 1_023, 1_024, 1_610_612_736, 5 * 2 ** 30, 200 * 2 ** 20].map(formatBytes)).toEqual([
    '0 B',
    '1023 B',
    '1 KiB',
    '1.5 GiB',
    '5 GiB',
    '200 MiB',
  ]);
});
