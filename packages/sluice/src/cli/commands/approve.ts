import { createInterface } from 'node:readline/promises';
import { signApproval } from '#access';
import { isoTime, SluiceError, visibleText } from '#kernel';
import { approvalLasts, type ApprovalSubject } from '#release';
import { readApprovalDocument, type ApprovalView } from '#server';
import { approvalLines } from '../approval-view.ts';
import { flag, jsonOption, text, type Command, type Invocation } from '../command.ts';
import { defaultIdentityFile, readIdentity } from '../identity-store.ts';
import { identityOption, stateOption } from '../options.ts';

const command: Command = {
  name: 'approve',
  summary: 'read what a deployment changes, and sign it',
  usage: '<deployment>',
  example: [
    'sluice approve 01KB2Q',
    '  what      api v1.1.0 → v1.2.0 in production',
    '  changed   3 commits by dana@example.com',
    '            api.MAX_ORDER_LOTS 500 lots → 800 lots: a limit is raised ▲',
    '  evidence  ✔ tests: 218 of 218 passed',
    '  asks      trading, risk',
    'approve api v1.2.0 for production as erin (risk)? [y/N]',
  ],
  options: {
    yes: { type: 'boolean', short: 'y', says: 'sign without being asked' },
    all: { type: 'boolean', says: 'show every commit that is listed, every change and every verdict, however many' },
    show: { type: 'boolean', says: 'only show it' },
    ...identityOption,
    ...stateOption,
    ...jsonOption,
  },
  words: [1, 1],
  verdict: true,
  run: async (invocation) => {
    const { terminal, world } = invocation;
    const client = await (await world.controlPlane(text(invocation, 'state'))).client(text(invocation, 'file'));
    const id = await wholeId(invocation.words[0] ?? '', async () => client.deployments({}));
    const view = await client.approval(id);
    const { subject, digest } = readApprovalDocument(view.document);
    if (!flag(invocation, 'json')) {
      terminal.print(...approvalLines(terminal, { subject, digest, deployment: id, all: flag(invocation, 'all') }), givenLine(view));
    }
    if (flag(invocation, 'show')) {
      if (flag(invocation, 'json')) terminal.json({ deployment: id, digest, subject, given: view.given, missing: view.missing });
      return 0;
    }
    const identity = await readIdentity(text(invocation, 'file') ?? defaultIdentityFile(world.env));
    const { person } = identity;
    if (
      !flag(invocation, 'yes') &&
      !(await confirmed(invocation, `approve ${inShort(subject)} as ${person.name} (${person.functions.join(', ')})? [y/N] `))
    ) {
      terminal.note('nothing was signed');
      return 5;
    }
    const expiresAt = world.clock.now() + approvalLasts;
    const signature = signApproval(identity.seed, { subject: digest, deployment: id, expiresAt });
    const deployment = await client.approve(id, { person: person.id, subject: digest, signature, expiresAt: isoTime(expiresAt) });
    if (flag(invocation, 'json')) terminal.json(deployment);
    else terminal.print(`${terminal.symbol('pass')} signed by ${person.name}; ${deployment.detail}`);
    return 0;
  },
};

export default command;

const inShort = ({ service, release, environment }: ApprovalSubject): string =>
  [service, release.version, 'for', environment].map((word) => visibleText(word)).join(' ');

/** Who signed already is not signed itself: the control plane says it. */
function givenLine({ given, missing }: ApprovalView): string {
  const names = given.map((one) => `${visibleText(one.function)} by ${visibleText(one.person)}`);
  const still = missing.map((name) => visibleText(name)).join(', ') || 'nothing';
  return `  given     ${names.join(', ') || 'nothing yet'}; missing: ${still}`;
}

async function confirmed(invocation: Invocation, question: string): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new SluiceError('usage', 'nobody is there to answer', { hint: 'read it with --show, then sign with --yes' });
  const reader = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/i.test((await reader.question(invocation.terminal.visible(question), { signal: invocation.world.interrupt })).trim());
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
