import { createInterface } from 'node:readline/promises';
import { signApproval } from '#access';
import { isoTime, parseDigest, shortDigest, SluiceError } from '#kernel';
import { approvalLasts, approvalSubject, type ApprovalSubject } from '#release';
import type { ApprovalView } from '#server';
import { flag, jsonOption, text, type Command, type Invocation } from '../command.ts';
import { defaultIdentityFile, readIdentity } from '../identity-store.ts';
import { stateOption } from '../options.ts';
import type { Terminal } from '../terminal.ts';
import { count, table } from '../text.ts';

const command: Command = {
  name: 'approve',
  summary: 'read what a deployment changes, and sign it',
  usage: '<deployment>',
  example: [
    'sluice approve 01KB2Q',
    '  what      api v1.1.0 → v1.2.0                       subject 7c1e…9a',
    '  changed   3 commits by dana',
    '  evidence  2 verdicts pass',
    '  needs     trading, risk; still missing: risk',
    'approve as erin (risk)? [y/N]',
  ],
  options: {
    yes: { type: 'boolean', short: 'y', says: 'sign without being asked' },
    show: { type: 'boolean', says: 'only show it' },
    file: { type: 'string', value: 'path', says: 'the identity file (default: ~/.config/sluice/identity.json, or SLUICE_IDENTITY)' },
    ...stateOption,
    ...jsonOption,
  },
  words: [1, 1],
  run: async (invocation) => {
    const { terminal, world } = invocation;
    const client = await (await world.controlPlane(text(invocation, 'state'))).client();
    const id = await wholeId(invocation.words[0] ?? '', async () => client.deployments({}));
    const view = await client.approval(id);
    checkSubject(view);
    if (!flag(invocation, 'json')) terminal.print(...approvalLines(terminal, view));
    if (flag(invocation, 'show')) {
      if (flag(invocation, 'json')) terminal.json(view);
      return 0;
    }
    const identity = await readIdentity(text(invocation, 'file') ?? defaultIdentityFile(world.env));
    const { person } = identity;
    if (!flag(invocation, 'yes') && !(await confirmed(invocation, `approve as ${person.name} (${person.functions.join(', ')})? [y/N] `))) {
      terminal.note('nothing was signed');
      return 5;
    }
    const expiresAt = world.clock.now() + approvalLasts;
    const signature = signApproval(identity.seed, { subject: parseDigest(view.subject), deployment: id, expiresAt });
    const deployment = await client.approve(id, { person: person.id, subject: view.subject, signature, expiresAt: isoTime(expiresAt) });
    if (flag(invocation, 'json')) terminal.json(deployment);
    else terminal.print(`${terminal.symbol('pass')} signed by ${person.name}; ${deployment.detail}`);
    return 0;
  },
};

export default command;

/** What is signed must be what was shown: the digest is computed again from what the control plane says it binds. */
function checkSubject(view: ApprovalView): void {
  const computed = approvalSubject(view.bound as unknown as ApprovalSubject);
  if (computed !== view.subject) {
    throw new SluiceError(
      'verificationFailed',
      `the control plane asks to sign ${shortDigest(view.subject)} and shows something else (${shortDigest(computed)})`,
      { hint: 'do not approve; have the control plane looked at' },
    );
  }
}

function approvalLines(terminal: Terminal, view: ApprovalView): readonly string[] {
  const who = [...new Set(view.commits.map((commit) => commit.by))];
  const previous = view.previous === undefined ? 'first release,' : `${view.previous.version} →`;
  const verdicts = view.verdicts.map((verdict) => `${terminal.symbol(verdict.kind)} ${verdict.gate}: ${verdict.because}`);
  // Of a first release every value is new: listing them all would hide that.
  const changes = (view.previous === undefined ? [{ what: 'everything is new', attention: false }] : view.changes)
    .filter((change) => !change.what.endsWith('unchanged'))
    .map((change) => `${change.what}${change.attention ? ` ${terminal.symbol('warning')}` : ''}`);
  const given = view.given.map((one) => `${one.function} by ${one.person}`);
  return table([
    ['  what', `${view.service} ${previous} ${view.release.version} in ${view.environment}`],
    ['  signs', view.subject],
    ['  changed', `${count(view.commits.length, 'commit')}${who.length === 0 ? '' : ` by ${who.join(', ')}`}`],
    ...view.commits.slice(0, 8).map((commit) => ['', `${commit.sha.slice(0, 7)} ${commit.subject}`]),
    ...changes.slice(0, 12).map((change) => ['', change]),
    ...verdicts.map((line, at) => [at === 0 ? '  evidence' : '', line]),
    [
      '  needs',
      `${view.required.join(', ')}${given.length === 0 ? '' : `; given: ${given.join(', ')}`}; missing: ${view.missing.length === 0 ? 'nothing' : view.missing.join(', ')}`,
    ],
  ]);
}

async function confirmed(invocation: Invocation, question: string): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new SluiceError('usage', 'nobody is there to answer', { hint: 'read it with --show, then sign with --yes' });
  const reader = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/i.test((await reader.question(question, { signal: invocation.world.interrupt })).trim());
  } finally {
    reader.close();
  }
}

/** A deployment by the beginning of its identifier, when only one begins so. */
async function wholeId(beginning: string, list: () => Promise<readonly { readonly id: string }[]>): Promise<string> {
  const found = (await list()).filter((one) => one.id.startsWith(beginning));
  const [only] = found;
  if (only === undefined) throw new SluiceError('notFound', `no deployment "${beginning}"`, { hint: 'sluice status shows what waits' });
  if (found.length > 1)
    throw new SluiceError('usage', `"${beginning}" is the beginning of ${found.length} deployments`, { hint: 'give more of it' });
  return only.id;
}
