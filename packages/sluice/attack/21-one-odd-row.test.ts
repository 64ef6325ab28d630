import { describe, expect, test } from 'vitest';
import { parseReport } from '#report';
import { judgeReport } from './evidence-rig.ts';

describe('21 · one odd row voids a whole report', () => {
  const lcov = (rows: string) => parseReport('lcov', new TextEncoder().encode(`SF:a.cc\n${rows}\nend_of_record\n`), 'report');

  test('a row of line 0 among 100,000 others is left out and said, and the others count', () => {
    const rows = Array.from({ length: 100_000 }, (_, at) => `DA:${at + 1},1`);
    expect(lcov([...rows.slice(0, 500), 'DA:0,1', ...rows.slice(500)].join('\n'))).toMatchObject({
      ok: true,
      value: { files: [{ lines: { found: 100_000, hit: 100_000 } }], warnings: ['1 row of line 0 left out: made by the compiler'] },
    });
  });

  test('rows that contradict the format still refuse the whole, and line 0 alone is no evidence (I1)', () => {
    for (const row of ['DA:1,-1', 'DA:1,NaN', 'DA:-1,1', 'DA:0,1']) expect(lcov(row).ok, row).toBe(false);
  });

  test('a report in another legal encoding is read, and its failure seen', () => {
    const text = '<?xml version="1.0" encoding="ISO-8859-1"?><testsuite><testcase name="Prüfung"><failure/></testcase></testsuite>';
    expect(judgeReport(Buffer.from(text, 'latin1'))).toMatchObject({ kind: 'fail', because: '1 of 1 failed: Prüfung' });
    expect(judgeReport(Buffer.from(`\uFEFF${text.replace('ISO-8859-1', 'UTF-16')}`, 'utf16le')).kind).toBe('fail');
  });
});
