import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageFolder } from './fixtures/project.ts';
import { Rig, type Told } from './rig.ts';

/** The commands that people type, from the first identity to a machine elsewhere: one story, in its order. */
let rig: Rig;
let address = '';
const file = (name: string): readonly string[] => ['--file', join(rig.folder, `${name}.identity.json`)];
const card = (name: string): string => join(rig.folder, `${name}.card.json`);

async function identity(name: string, functions: string): Promise<void> {
  const made = await rig.sluice(
    'identity',
    'create',
    '--name',
    name,
    '--email',
    `${name}@example.test`,
    '--function',
    functions,
    ...file(name),
  );
  expect(made.code, made.err).toBe(0);
  writeFileSync(card(name), (await rig.sluice('identity', 'card', ...file(name))).out);
}

/** A command on a machine that has nothing of the state folder. */
function elsewhere(env: Readonly<Record<string, string>>, ...args: readonly string[]): Told {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--conditions=@sluice/source', join(packageFolder, 'src', 'main.ts'), ...args, '--state', join(rig.folder, 'no-such-folder')],
    {
      cwd: rig.folder,
      env: { PATH: process.env['PATH'] ?? '', HOME: join(rig.folder, 'elsewhere'), SLUICE_URL: address, ...env },
      encoding: 'utf8',
    },
  );
  return { code: status, out: stdout, err: stderr };
}

beforeAll(async () => {
  rig = new Rig();
  await identity('ada', 'risk');
  await identity('dana', 'trading');
  const serving = await rig.serve('--people', card('ada'));
  address = /address +(\S+)/.exec(serving.said())?.[1] ?? '';
});
afterAll(() => rig[Symbol.asyncDispose]());

test('a card that is handed in waits, in one clear line, until somebody with the right confirms it', async () => {
  const handedIn = await rig.sluice('identity', 'register', ...file('dana'));
  expect([handedIn.code, handedIn.out]).toEqual([
    0,
    expect.stringMatching(/^✔ the card of dana is handed in as change \d+; it waits for 1 of those .* → sluice people confirm \d+\n$/),
  ]);
  const number = /change (\d+)/.exec(handedIn.out)?.[1] ?? '';
  // Not by the operator, who has no key here, and not by oneself.
  for (const who of [[], file('dana')]) {
    const tried = await rig.sluice('people', 'confirm', number, '--yes', ...who);
    expect([tried.code === 0, tried.err.trim().split('\n').length]).toEqual([false, 1]);
  }
  const confirmed = await rig.sluice('people', 'confirm', number, '--yes', ...file('ada'));
  expect([confirmed.code, confirmed.out]).toEqual([0, expect.stringContaining('✔ admit dana (trading) dana@example.test')]);
  expect((await rig.sluice('people')).out).toMatch(/dana +trading +dana@example\.test +- +[0-9a-f]{8}/);
});

test('rights, functions and keys are changed by those who keep the register, and the last of them stays', async () => {
  const changed = await rig.sluice('people', 'change', 'dana', '--function', 'risk', '--right', 'deploy', '--yes', ...file('ada'));
  expect([changed.code, changed.out]).toEqual([0, expect.stringContaining('change dana to dana (risk)')]);
  const own = await rig.sluice('people', 'change', 'dana', '--right', 'people', '--yes', ...file('dana'));
  expect([own.code, own.err]).toEqual([5, expect.stringContaining('does not have the right "people"')]);
  const last = await rig.sluice('people', 'remove', 'ada', '--yes', ...file('ada'));
  expect([last.code, last.err.trim().split('\n').length]).toEqual([5, 1]);
});

test('from elsewhere a person acts by their key, a machine by its token, and nobody else at all', async () => {
  expect(address).toMatch(/^http:\/\/127\.0\.0\.1:\d+#sha256:[0-9a-f]{64}$/);
  const nobody = elsewhere({}, 'status');
  expect([nobody.code, nobody.err]).toEqual([5, expect.stringContaining('nobody is named to ask as')]);
  const dana = { SLUICE_IDENTITY: join(rig.folder, 'dana.identity.json') };
  expect(elsewhere(dana, 'people').code).toBe(0);
  // The right address with the key of another control plane: what is signed for that one is of no use here.
  const other = address.replace(/#sha256:.{8}/, '#sha256:00000000');
  expect(elsewhere({ ...dana, SLUICE_URL: other }, 'people').err).toContain('not signed with the key');
  const made = await rig.sluice('token', 'create', 'ci', '--right', 'deploy', '--json', ...file('ada'));
  const { token } = JSON.parse(made.out) as { token: string };
  const ci = { SLUICE_TOKEN: token };
  expect(elsewhere(ci, 'deploy', 'desk', 'v1.0.0', '--environment', 'local', '--detach').code).toBe(0);
  const refused = elsewhere(ci, 'identity', 'register', '--json');
  expect(refused.code).not.toBe(0);
  expect((await rig.sluice('token', 'revoke', 'ci', ...file('ada'))).code).toBe(0);
  expect(elsewhere(ci, 'status').err).toContain('the token is unknown or was revoked');
  expect(readFileSync(join(rig.stateFolder, 'serve.json'), 'utf8')).not.toContain(token);
});

test('a lease has an owner, a reason and an end, and is in the record without a word of the reason (I8, I10)', async () => {
  const lease = ['lease', 'grant', 'sandbox', '--environment', 'local', '--reason', 'no namespaces here'];
  expect((await rig.sluice(...lease, '--hours', '48', ...file('ada'))).code).toBe(2);
  expect((await rig.sluice(...lease, ...file('dana'))).code).toBe(5);
  expect((await rig.sluice(...lease, ...file('ada'))).out).toContain('then it lapses by itself');
  const listed = await rig.sluice('lease', 'list');
  expect(listed.out).toMatch(/local without sandbox +until \S+ +ada +no namespaces here/);
  const [, id = ''] = /^ {2}(\S+)/.exec(listed.out) ?? [];
  expect((await rig.sluice('lease', 'end', id, ...file('ada'))).code).toBe(0);
  expect((await rig.sluice('lease', 'list')).out).toBe('nothing is lowered\n');
  const record = rig.record();
  expect(record.filter(({ type }) => /^(?:register|person|machine|lease)\./.test(type)).map(({ type }) => type)).toEqual([
    'register.founded',
    'person.admitted',
    'person.changed',
    'machine.admitted',
    'machine.revoked',
    'lease.granted',
    'lease.ended',
  ]);
  expect(JSON.stringify(record)).not.toMatch(/namespaces here|example\.test|"ada"|"dana"/);
});
