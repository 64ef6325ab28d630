import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { digestOf } from '#kernel';
import { approvalSubject, approvedCommits, releaseDigest, type ApprovalSubject } from '#release';
import { approvalLines } from './approval-view.ts';
import { Terminal } from './terminal.ts';
import { columnsOf } from './text.ts';

const releaseOf = (limit: number, version: string): ApprovalSubject['release'] => {
  const bundle = {
    artifacts: { api: { artifact: digestOf(version), executable: digestOf('node') } },
    config: { api: { start: ['node', 'src/api/main.ts'], instances: 1 } },
    parameters: { api: { MAX_ORDER_LOTS: { kind: 'limit', value: limit, unit: 'lots', safer: 'lower' } } },
    flags: {},
    limits: {},
    schemaChanges: [],
  };
  return { digest: releaseDigest(bundle), version, commit: '4f2c1ab'.padEnd(40, '0'), bundle };
};

const subject: ApprovalSubject = {
  environment: 'production',
  service: 'api',
  release: releaseOf(800, 'v1.2.0'),
  previous: { ...releaseOf(500, 'v1.1.0'), settings: {} },
  settings: { env: {}, instances: 2 },
  strategy: {
    kind: 'blue-green',
    steps: [
      { weight: 500, watch: 30_000 },
      { weight: 10_000, watch: 60_000 },
    ],
    triggers: [{}, {}],
    keepWarm: 600_000,
  },
  window: null,
  verdicts: [{ gate: 'tests', kind: 'pass', because: '218 of 218 passed', digest: digestOf('v') }],
  rule: { functions: ['trading', 'risk'], since: null, machineIdentities: { 'noreply@github.com': 'committer' } },
  commits: {
    added: approvedCommits([
      { sha: '4f2c1ab', subject: 'allow larger orders', author: 'dana@example.com', committer: 'noreply@github.com', coAuthors: [] },
    ]),
    removed: approvedCommits([]),
  },
};

const linesAt = (columns: number, of: Partial<ApprovalSubject> = {}): readonly string[] => {
  const out = Object.assign(new PassThrough(), { isTTY: true, columns, rows: 40 }) as unknown as NodeJS.WriteStream;
  const whole = { ...subject, ...of };
  return approvalLines(new Terminal({ out, err: out }, { NO_COLOR: '1' }), {
    subject: whole,
    digest: approvalSubject(whole),
    deployment: '01M8QZ0V3K6J',
    all: false,
  });
};

test.each([60, 80, 200])('what is to be signed fits a window of %i columns and loses nothing there', (columns) => {
  const lines = linesAt(columns);
  expect(lines.filter((line) => columnsOf(line) > columns)).toEqual([]);
  const words = (text: readonly string[]): string => text.join(' ').replaceAll(/\s+/g, '');
  expect(words(lines)).toBe(words(linesAt(400)));
});

test('reads like this', () => {
  expect(linesAt(100).filter((line) => !line.startsWith('  signs'))).toMatchInlineSnapshot(`
    [
      "  what      api v1.1.0 → v1.2.0 in production",
      "              01M8QZ0V3K6J",
      "  commit    4f2c1ab000000000000000000000000000000000",
      "  how       blue-green: 5 % for 30s, 100 % for 1m; 2 rollback conditions; the old version warm for",
      "              10m",
      "  changed   1 commit by dana@example.com, noreply@github.com (machine)",
      "              4f2c1ab allow larger orders  dana@example.com, noreply@github.com (machine)",
      "            api.MAX_ORDER_LOTS 500 lots → 800 lots: a limit is raised ▲",
      "            api changed",
      "            api.instances 1 → 2",
      "  evidence  ✔ tests: 218 of 218 passed",
      "  machines  noreply@github.com (committer)",
      "  asks      trading, risk",
    ]
  `);
});

test('a first release names its limits, counts the rest, and says from where its history is counted', () => {
  const lines = linesAt(100, { previous: null, rule: { ...subject.rule, since: 'ab'.repeat(20) } }).join('\n');
  expect(lines).toContain('api first release, v1.2.0 in production');
  expect(lines).toContain('counted since abababababab');
  expect(lines).toContain('api.MAX_ORDER_LOTS none → 800 lots: a new limit ▲');
  expect(lines).toMatch(/everything is new: \d+ values; --all shows every one/);
});
