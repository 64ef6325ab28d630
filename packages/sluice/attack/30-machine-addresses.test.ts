import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { changeAuthors, newIdentity, signApproval, type MachineIdentities } from '#access';
import { approvals, defineDelivery, environment, service } from '#define';
import { digestOf, ok, own } from '#kernel';
import { checkDelivery } from '#plan';
import { approvalState } from '#release';
import { gitSource } from '#source-git';

const forge = 'noreply@forge.example';
const bot = '49699333+updates[bot]@users.noreply.forge.example';
const who = (n: number, name: string, email = `${name}@example.com`) =>
  newIdentity({ id: `00000000-0000-4000-8000-00000000000${n}`, name, emails: [email], functions: ['risk'] }, new Uint8Array(32).fill(n));
const [dana, erin] = [who(1, 'dana'), who(2, 'erin')];
const people = [dana.person, erin.person];
const machines: MachineIdentities = { [forge]: 'committer', [bot]: 'author' };

describe('30 · machine addresses', () => {
  let repository = '';
  beforeAll(() => {
    repository = mkdtempSync(join(tmpdir(), 'sluice-attack-'));
    execFileSync('git', ['init', '--quiet', '--initial-branch=main', repository]);
    const commit = (author: string, committer: string, message: string): void => {
      execFileSync('git', ['-C', repository, 'commit', '--quiet', '--allow-empty', `--message=${message}`], {
        env: {
          PATH: process.env['PATH'] ?? '',
          GIT_AUTHOR_NAME: 'A',
          GIT_AUTHOR_EMAIL: author,
          GIT_COMMITTER_NAME: 'C',
          GIT_COMMITTER_EMAIL: committer,
        },
      });
    };
    for (const [tag, author, committer, message] of [
      ['root', 'dana@example.com', 'dana@example.com', 'root'],
      ['squash', 'dana@example.com', forge, 'limits (#12)\n\nCo-authored-by: Erin <erin@example.com>'],
      ['update', bot, forge, 'bump a package'],
      ['hidden', forge, forge, 'limits'],
    ] as const) {
      commit(author, committer, message);
      execFileSync('git', ['-C', repository, 'tag', tag]);
    }
  });
  afterAll(() => rmSync(repository, { recursive: true, force: true }));

  async function made(from: string, to: string, declared: MachineIdentities): Promise<readonly string[] | string> {
    const commits = await gitSource(repository).between(from, to);
    if (!commits.ok) throw commits.error;
    const found = changeAuthors(commits.value, people, declared);
    if (!found.ok) return `${found.error.message} → ${found.error.hint}`;
    return people.filter(({ id }) => found.value.has(id)).map(({ name }) => name);
  }

  test('what a hosting service squashed goes on once its address is declared, and its author and co-author still count (C04)', async () => {
    expect(await made('root', 'squash', {})).toMatch(/its committer noreply@forge\.example is no known person.*machineIdentities/);
    expect(await made('root', 'squash', machines)).toEqual(['dana', 'erin']);
  });

  test('a bot that writes by itself is declared as an author; one that only commits hides nobody who writes under its name', async () => {
    expect(await made('squash', 'update', machines)).toEqual([]);
    expect(await made('update', 'hidden', machines)).toMatch(/its author noreply@forge\.example is no known person/);
  });

  test('a machine is never an approver: whoever is registered with its address signs for nothing', () => {
    const posing = who(3, 'forge', ' NoReply@forge.example ');
    const statement = { subject: digestOf('s'), deployment: 'd1', expiresAt: 10 };
    const approval = { ...statement, person: posing.person.id, signature: signApproval(posing.seed, statement) };
    const question = {
      rule: { functions: ['risk'] },
      subject: statement.subject,
      people: [...people, posing.person],
      machines,
      authors: ok(new Set<string>()),
      now: 0,
    };
    expect(approvalState(question, [approval])).toMatchObject({ kind: 'waiting', missing: 1, refusals: [{ code: 'machine' }] });
  });

  test('machines and the root of a history are words of the serving definition, and a slip in them is told', () => {
    const declare = (identities: object, since: string) =>
      checkDelivery(
        defineDelivery({
          name: 'x',
          services: { api: service({ start: ['node'], files: ['**'] }) },
          environments: { production: environment({ services: { api: {} }, approvals: approvals('risk', 'trading', { since }) }) },
          machineIdentities: identities as MachineIdentities,
        }),
      );
    const root = 'ab'.repeat(20);
    const right = declare({ [bot]: 'author' }, root);
    expect(right.ok && own(right.value.environments, 'production')?.approvals).toEqual({ functions: ['risk', 'trading'], since: root });
    for (const [identities, since] of [
      [{ [bot]: 'approver' }, root],
      [{ forge: 'committer' }, root],
      [{ [bot]: 'author' }, 'v1.0.0'],
    ] as const)
      expect(declare(identities, since).ok).toBe(false);
  });
});
