import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { encodeIdentity, isApprovalBy, newIdentity } from '#access';
import { runCli, Terminal, type World } from '#cli';
import { canonicalJson, digestOf, parseDigest, SimulatedClock, type Json } from '#kernel';
import { approvalKind, approvalSubject, approvedCommits, releaseDigest, type ApprovalSubject, type ReleaseBundle } from '#release';
import { ControlClient } from '#server';

const limit = (value: number) => ({ kind: 'limit', value, unit: 'lots', safer: 'lower' });
const erin = newIdentity(
  { id: '00000000-0000-4000-8000-000000000001', name: 'Erin', emails: ['erin@example.com'], functions: ['risk'] },
  new Uint8Array(32).fill(7),
);
const bundleOf = (variables: Readonly<Record<string, Json>>): ReleaseBundle => ({
  artifacts: { api: { artifact: digestOf('a'), executable: digestOf('node') } },
  config: { api: { start: ['node', 'main.js'] } },
  parameters: { api: variables },
  flags: {},
  limits: {},
  schemaChanges: [],
});
const releaseOf = (bundle: ReleaseBundle, version: string) => ({ digest: releaseDigest(bundle), version, commit: 'c'.repeat(40), bundle });
const commitBy = (email: string, subject: string, n = 0) => ({
  sha: n.toString(16).padStart(40, '0'),
  subject,
  author: email,
  committer: email,
  coAuthors: [],
});

/** A deployment of `api` to production that raises its limit. */
const subjectWith = (parts: Partial<ApprovalSubject> = {}): ApprovalSubject => ({
  environment: 'production',
  service: 'api',
  release: releaseOf(bundleOf({ MAX_ORDER: limit(800) }), 'v1.2.0'),
  previous: { ...releaseOf(bundleOf({ MAX_ORDER: limit(500) }), 'v1.1.0'), settings: {} },
  settings: {},
  strategy: { kind: 'blue-green', steps: [{ weight: 10_000, watch: 1_000 }] },
  window: null,
  verdicts: [{ gate: 'tests', kind: 'pass', because: '12 of 12', digest: digestOf('v') }],
  rule: { functions: ['risk'], since: null, machineIdentities: {} },
  commits: { added: approvedCommits([commitBy('dana@example.com', 'raise it')]), removed: approvedCommits([]) },
  ...parts,
});
const documentOf = (subject: ApprovalSubject): string => canonicalJson({ kind: approvalKind, ...subject });

describe('5 · shown is not signed', () => {
  const servers: Server[] = [];
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-attack-'));
    writeFileSync(join(folder, 'identity.json'), encodeIdentity(erin), { mode: 0o600 });
  });
  afterEach(async () => {
    rmSync(folder, { recursive: true, force: true });
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    }
  });

  /** Runs `sluice approve` against a control plane that answers what it likes. */
  async function approve(answer: Readonly<Record<string, unknown>>, args: readonly string[] = ['--yes']) {
    const signatures: { subject: string; signature: string; expiresAt: string }[] = [];
    const deployment = { id: 'd1', service: 'docs', environment: 'staging', wanted: 'v1', requestedAt: '2026-11-21T00:00:00Z' };
    const state = { state: 'waiting-approval', detail: 'fine\u001b[2J\n✔ all is well', ended: false, good: false };
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        if (request.method === 'POST') signatures.push(JSON.parse(Buffer.concat(chunks).toString()) as (typeof signatures)[number]);
        const asked = request.url?.endsWith('/approval') === true;
        const one = { ...deployment, ...state };
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify(asked ? answer : request.method === 'POST' ? one : { deployments: [one] }));
      });
    }).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    const client = new ControlClient({
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      plane: 'test',
      token: 'a-token-of-the-test',
    });
    const chunks: string[] = [];
    const out = Object.assign(new PassThrough(), { isTTY: true, columns: 100, rows: 40 });
    out.on('data', (chunk: Buffer) => chunks.push(chunk.toString()));
    const terminal = new Terminal({ out: out as never, err: out as never }, { FORCE_COLOR: '1' });
    const clock = new SimulatedClock();
    const asked = new AbortController().signal;
    const world = {
      asked,
      env: {},
      clock,
      interrupt: new AbortController().signal,
      force: new AbortController().signal,
      controlPlane: async () => ({ client: async () => client }),
    };
    const code = await runCli(
      ['approve', 'd1', '--file', join(folder, 'identity.json'), ...args],
      terminal,
      () => world as unknown as World,
    );
    return { code, text: chunks.join(''), signatures };
  }
  const view = (document: string, more: object = {}) => ({ deployment: 'd1', document, given: [], missing: ['risk'], ...more });
  /** What is left when our own styles are taken away. */
  const bare = (text: string): string => text.replaceAll(new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g'), '');

  test('what is shown is what is signed: the signature is over the digest of the very text that was rendered (X-04, I5)', async () => {
    const subject = subjectWith();
    const { code, text, signatures } = await approve(view(documentOf(subject)));
    expect([code, signatures.length]).toEqual([0, 1]);
    const [given] = signatures as [{ subject: string; signature: string; expiresAt: string }];
    expect(given.subject).toBe(approvalSubject(subject));
    const statement = { subject: parseDigest(given.subject), deployment: 'd1', expiresAt: Date.parse(given.expiresAt) };
    expect(isApprovalBy(erin.person, statement, given.signature)).toBe(true);
    expect(bare(text)).toContain('api v1.1.0 → v1.2.0 in production');
    expect(bare(text)).toContain('api.MAX_ORDER 500 lots → 800 lots: a limit is raised ▲');
  });

  test('a control plane that shows "docs, staging" beside a document for production gets no signature: nothing beside the document is looked at', async () => {
    const lies = { service: 'docs', environment: 'staging', subject: digestOf('x'), changes: [], bound: {}, release: {}, commits: [] };
    const { code, signatures } = await approve({ ...view(documentOf(subjectWith())), ...lies });
    expect([code, signatures]).toEqual([2, []]);
    // And with every lie that the form allows, the screen says what the document says.
    const { text } = await approve(view(documentOf(subjectWith()), { given: [{ person: 'Tom', function: 'all' }], missing: [] }), [
      '--show',
    ]);
    expect(bare(text)).toContain('api v1.1.0 → v1.2.0 in production');
    expect(bare(text)).not.toContain('staging');
  });

  test.each([
    ['a part that would not be shown', (text: string) => text.replace('"window":null', '"window":null,"zone":"prod"')],
    ['two spellings of one part', (text: string) => text.replace('{"commits"', '{"environment":"staging","commits"')],
    ['a blank in it', (text: string) => ` ${text}`],
    ['another kind', (text: string) => text.replace(approvalKind, 'sluice approval subject v1')],
    ['a release that is not what its digest says', (text: string) => text.replace('"value":800', '"value":501')],
    ['a live release that is not what its digest says', (text: string) => text.replace('"value":500', '"value":800')],
    [
      'another environment in a prototype',
      (text: string) => text.replace('{"commits"', '{"__proto__":{"environment":"staging"},"commits"'),
    ],
    ['nothing at all', () => ''],
  ])('a document with %s is not signed', async (_, change) => {
    const { code, signatures } = await approve(view(change(documentOf(subjectWith()))));
    expect([code === 0, signatures]).toEqual([false, []]);
  });

  test('no value, subject, name, verdict or address forges a line or reaches the terminal as a sequence', async () => {
    const esc = String.fromCharCode(27);
    const evil = `x\n  evidence  ✔ all passed\r\u2028${esc}[2K${esc}]0;t\u0007${esc}[8m\u009b31m\u202e\u200b\u0430pi\ud7ff`;
    const bundle: ReleaseBundle = {
      ...bundleOf({ [evil]: evil, MAX_ORDER: limit(1) }),
      schemaChanges: [{ name: evil, digest: digestOf('s') }],
    };
    const subject = subjectWith({
      release: { ...releaseOf(bundle, evil), commit: evil },
      environment: evil,
      strategy: { kind: evil },
      window: evil,
      verdicts: [{ gate: evil, kind: evil, because: evil, digest: digestOf('v') }],
      rule: { functions: [evil], since: evil, machineIdentities: { [evil]: 'author' } },
      commits: {
        added: approvedCommits([commitBy(evil, evil), commitBy('b@x.example', evil)]),
        removed: approvedCommits([commitBy(evil, evil)]),
      },
    });
    for (const args of [['--show'], ['--show', '--all'], ['--yes']]) {
      const { text } = await approve(view(documentOf(subject), { given: [{ person: evil, function: evil }], missing: [evil] }), args);
      expect(bare(text)).not.toMatch(/(?!\n)[\p{C}\p{Zl}\p{Zp}]/u);
      expect(text).not.toContain(`${esc}[8m`);
      expect(
        bare(text)
          .split('\n')
          .filter((line) => /^ {0,2}(?:✔ all|evidence {2}✔ all)/.test(line)),
      ).toEqual([]);
      expect(bare(text)).toContain('\\u{430}pi');
    }
  });

  test('of 1,000 changes and 1,000 commits everything is shown or counted, and no raised limit is among what is only counted', async () => {
    const many = (value: number) =>
      Object.fromEntries([
        ...Array.from({ length: 986 }, (_, n) => [`PLAIN_MAX_${n}`, String(value)]),
        ...Array.from({ length: 14 }, (_, n) => [`RISK_${n}`, limit(value)]),
      ]) as Readonly<Record<string, Json>>;
    const commits = Array.from({ length: 1_000 }, (_, n) => commitBy(`p${n % 20}@example.com`, `commit ${n}`, n));
    const subject = subjectWith({
      release: releaseOf(bundleOf(many(2)), 'v2.0.0'),
      previous: { ...releaseOf(bundleOf(many(1)), 'v1.0.0'), settings: {} },
      commits: { added: approvedCommits(commits), removed: approvedCommits([]) },
    });
    const text = bare((await approve(view(documentOf(subject)), ['--show'])).text);
    expect(text.match(/api\.RISK_\d+ 1 lots → 2 lots: a limit is raised ▲/g)).toHaveLength(14);
    const shown = text.match(/api\.\w+ .* → /g)?.length ?? 0;
    expect(text).toContain(`… and ${1_000 - shown} changes more`);
    expect(text).toContain('1,000 commits by p0@example.com');
    expect(text).toContain('… and 8 more');
    const listed = text.match(/^ +0{5}[0-9a-f]{2} commit \d+/gm)?.length ?? 0;
    expect(text).toContain(`… and ${1_000 - listed} commits more`);
    const all = bare((await approve(view(documentOf(subject)), ['--show', '--all'])).text);
    expect(all.match(/api\.\w+ .* → /g)).toHaveLength(1_000);
    expect(all).toContain('… and 900 commits more');
  });
});
