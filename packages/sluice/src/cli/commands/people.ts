import { createInterface } from 'node:readline/promises';
import { grantableRights, recordedPerson, type GrantableRight, type RegisterChange } from '#access';
import { assertNever, digestOfJson, SluiceError, visibleText } from '#kernel';
import type { RegisterWire } from '#server';
import { flag, jsonOption, text, texts, type Command, type Invocation } from '../command.ts';
import { readCards } from '../identity-store.ts';
import { identityOption, stateOption } from '../options.ts';
import { confirmationOf, memberChange, memberNamed, signatory, tellAnswer, type Signatory } from '../register-change.ts';
import { table } from '../text.ts';

const command: Command = {
  name: 'people',
  summary: 'who may do what, and the changes of it that wait for a signature',
  usage: '[add <card> | change <who> | remove <who> | confirm <number> | refuse <number>]',
  example: [
    'sluice people',
    '  Erin Example  risk     erin@example.com  deploy, people  3f2a9c1e',
    '  waiting',
    '  4  admit Frank Example (trading) frank@example.com  → sluice people confirm 4',
  ],
  options: {
    function: {
      type: 'string',
      multiple: true,
      value: 'function',
      says: 'what they approve as, in place of what was; may be given several times',
    },
    email: {
      type: 'string',
      multiple: true,
      value: 'address',
      says: 'their addresses, in place of those that were; may be given several times',
    },
    right: {
      type: 'string',
      multiple: true,
      value: 'right',
      says: `a right of theirs: ${grantableRights.join(', ')}, or none; may be given several times`,
    },
    name: { type: 'string', says: 'their name' },
    card: { type: 'string', value: 'path', says: 'a card with the new key' },
    yes: { type: 'boolean', short: 'y', says: 'sign without being asked' },
    ...identityOption,
    ...stateOption,
    ...jsonOption,
  },
  words: [0, 2],
  run: async (invocation) => {
    const [verb = 'list', what = ''] = invocation.words;
    switch (verb) {
      case 'list':
        return list(invocation);
      case 'add':
        return add(invocation, needed(what, 'add <card>'));
      case 'change':
        return change(invocation, needed(what, 'change <who>'));
      case 'remove':
        return remove(invocation, needed(what, 'remove <who>'));
      case 'confirm':
        return confirm(invocation, numberOf(what));
      case 'refuse':
        return refuse(invocation, numberOf(what));
      default:
        throw new SluiceError('usage', `sluice people: no verb "${verb}"`, {
          hint: 'there are: list, add, change, remove, confirm, refuse',
        });
    }
  },
};

export default command;

function needed(word: string, usage: string): string {
  if (word === '') throw new SluiceError('usage', `sluice people ${usage}: a word is missing`, { hint: 'sluice people --help' });
  return word;
}

function numberOf(word: string): number {
  const number = Number(word);
  if (!/^\d+$/.test(word) || !Number.isSafeInteger(number))
    throw new SluiceError('usage', `expected the number of a change, got "${word}"`, { hint: 'sluice people lists what waits' });
  return number;
}

async function list(invocation: Invocation): Promise<number> {
  const { terminal, world } = invocation;
  const register = await (await (await world.controlPlane(text(invocation, 'state'))).client(text(invocation, 'file'))).people();
  if (flag(invocation, 'json')) terminal.json(register);
  else if (register.people.length === 0)
    terminal.print('nobody is in the register yet → the first people are named at the start: sluice serve --people <card>');
  else {
    terminal.print(
      ...table(
        register.people.map(({ id, name, functions, emails, rights }) => [
          `  ${visibleText(name)}`,
          functions.join(', ') || '-',
          visibleText(emails.join(', ')),
          rights.join(', ') || '-',
          id.slice(0, 8),
        ]),
      ),
      `  a change of people takes ${register.confirmations === 1 ? 'one of those with the right "people"' : `${register.confirmations} of those with the right "people"`}`,
    );
  }
  if (!flag(invocation, 'json') && register.waiting.length > 0)
    terminal.print(
      '',
      '  waiting',
      ...table(register.waiting.map((one) => [`  ${one.number}`, described(register, one), `→ sluice people confirm ${one.number}`])),
    );
  return 0;
}

type Waiting = RegisterWire['waiting'][number];

const personName = (register: RegisterWire, ref: string): string => {
  const found = register.people.find(({ id }) => id === ref);
  return found === undefined ? `person ${ref.slice(0, 8)}` : visibleText(found.name);
};

/** A change in one line, made from the very data that is signed: what is described must be what its digest is of. */
function described(register: RegisterWire, { change: asked, member, reason }: Pick<Waiting, 'change' | 'member' | 'reason'>): string {
  switch (asked.kind) {
    case 'admit':
    case 'change': {
      if (member === undefined || digestOfJson(recordedPerson(member)) !== digestOfJson(asked.person))
        throw new SluiceError('verificationFailed', 'the control plane describes another person than the one to be signed for', {
          hint: 'do not sign; have the control plane looked at',
        });
      const facts = `(${member.functions.join(', ') || 'no function'}) ${member.emails.join(', ')}; rights: ${member.rights.join(', ') || 'none'}; key ${member.publicKey.slice(0, 8)}`;
      if (asked.kind === 'admit') return visibleText(`admit ${member.name} ${facts}`);
      const before = register.people.find(({ id }) => id === member.id);
      const newKey = before === undefined || before.publicKey === member.publicKey ? '' : ' (a NEW KEY)';
      return visibleText(`change ${before?.name ?? 'nobody'} to ${member.name} ${facts}${newKey}`);
    }
    case 'remove':
      return `remove ${personName(register, asked.personRef)}`;
    case 'admit-machine':
      return `a token for machine ${asked.machine.name}: ${asked.machine.rights.join(', ')}`;
    case 'revoke-machine':
      return `revoke the token of machine ${asked.machineRef.slice(0, 8)}`;
    case 'grant-lease':
      return visibleText(`let ${asked.lease.environment} do without ${asked.lease.lowers}: ${reason ?? ''}`);
    case 'end-lease':
      return `end lease ${asked.leaseRef}`;
    default:
      return assertNever(asked);
  }
}

async function add(invocation: Invocation, path: string): Promise<number> {
  const [first, ...more] = await readCards(path);
  if (first === undefined || more.length > 0)
    throw new SluiceError('usage', `${path}: expected one card`, { hint: 'add people one by one' });
  const { proof: _proof, ...person } = first.card;
  const who = await signatory(invocation);
  const made = memberChange('admit', { ...person, rights: rightsOf(invocation) ?? first.rights ?? [] });
  return sign(invocation, who, made);
}

async function change(invocation: Invocation, word: string): Promise<number> {
  const who = await signatory(invocation);
  const before = memberNamed(who.register, word);
  const [card] = text(invocation, 'card') === undefined ? [] : await readCards(text(invocation, 'card') ?? '');
  const emails = texts(invocation, 'email');
  const functions = texts(invocation, 'function');
  const made = memberChange('change', {
    ...before,
    name: text(invocation, 'name') ?? before.name,
    emails: emails.length === 0 ? before.emails : emails,
    functions: functions.length === 0 ? before.functions : functions.filter((name) => name !== 'none'),
    rights: rightsOf(invocation) ?? before.rights,
    publicKey: card?.card.publicKey ?? before.publicKey,
  });
  return sign(invocation, who, made);
}

async function remove(invocation: Invocation, word: string): Promise<number> {
  const who = await signatory(invocation);
  return sign(invocation, who, { change: { kind: 'remove', personRef: memberNamed(who.register, word).id } });
}

type Made = { readonly change: RegisterChange } & Pick<Waiting, 'member'>;

async function sign(invocation: Invocation, who: Signatory, made: Made): Promise<number> {
  const what = described(who.register, { ...made, change: made.change as Waiting['change'] });
  if (!(await agreed(invocation, what, who))) return 5;
  const answer = await who.client.change('people', {
    change: made.change as Waiting['change'],
    ...(made.member === undefined ? {} : { member: made.member }),
    confirmation: confirmationOf(who, made.change, invocation.world.clock.now()),
  });
  return tellAnswer(invocation, answer, what);
}

async function confirm(invocation: Invocation, number: number): Promise<number> {
  const who = await signatory(invocation);
  const waiting = who.register.waiting.find((one) => one.number === number);
  if (waiting === undefined)
    throw new SluiceError('notFound', `no change ${number} of the register waits`, { hint: 'sluice people lists what waits' });
  const what = described(who.register, waiting);
  if (!(await agreed(invocation, what, who))) return 5;
  const rights = rightsOf(invocation);
  if (rights !== undefined && waiting.member !== undefined && waiting.confirmedBy.length === 0) {
    // A card that was handed in asks for no right: whoever admits its owner says which ones they get, and that is another change.
    return sign(invocation, who, memberChange('admit', { ...waiting.member, rights }));
  }
  const answer = await who.client.confirmChange(number, confirmationOf(who, waiting.change, invocation.world.clock.now()));
  return tellAnswer(invocation, answer, what);
}

async function refuse(invocation: Invocation, number: number): Promise<number> {
  const { client } = await signatory(invocation);
  await client.refuseChange(number);
  invocation.terminal.print(`${invocation.terminal.symbol('pass')} change ${number} is off the list`);
  return 0;
}

function rightsOf(invocation: Invocation): readonly GrantableRight[] | undefined {
  const asked = texts(invocation, 'right');
  if (asked.length === 0) return undefined;
  const given = asked.filter((right) => right !== 'none');
  const unknown = given.find((right) => !grantableRights.some((known) => known === right));
  if (unknown !== undefined)
    throw new SluiceError('usage', `--right: no right "${unknown}"`, { hint: `there are: ${grantableRights.join(', ')}, none` });
  return grantableRights.filter((right) => given.includes(right));
}

async function agreed(invocation: Invocation, what: string, { identity }: Signatory): Promise<boolean> {
  const { terminal, world } = invocation;
  if (flag(invocation, 'yes')) return true;
  if (!process.stdin.isTTY)
    throw new SluiceError('usage', 'nobody is there to answer', { hint: `read what it does, then sign with --yes: ${what}` });
  const reader = createInterface({ input: process.stdin, output: process.stdout });
  try {
    terminal.print(`  ${what}`);
    const answer = await reader.question(`sign as ${visibleText(identity.person.name)}? [y/N] `, { signal: world.interrupt });
    if (/^y(es)?$/i.test(answer.trim())) return true;
    terminal.note('nothing was signed');
    return false;
  } finally {
    reader.close();
  }
}
