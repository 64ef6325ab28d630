import { randomBytes } from 'node:crypto';
import { cardOf, keyDigestOf, newIdentity, type Identity } from '#access';
import { shortDigest, SluiceError } from '#kernel';
import { flag, jsonOption, text, texts, type Command, type Invocation } from '../command.ts';
import { defaultIdentityFile, readIdentity, storeIdentity } from '../identity-store.ts';
import { identityOption, stateOption } from '../options.ts';
import { newSalt } from '../register-change.ts';
import { table } from '../text.ts';

const command: Command = {
  name: 'identity',
  summary: 'make the key that you act and approve with, and hand in its card',
  usage: 'create --name <name> --email <address> --function <function> | card | register | show',
  example: [
    'sluice identity create --name "Erin Example" --email erin@example.com --function risk',
    '✔ identity of Erin Example (risk) in ~/.config/sluice/identity.json',
    'next: sluice identity register hands in your card; the very first people:',
    '  sluice identity card > card.json, then sluice serve --people card.json',
  ],
  options: {
    name: { type: 'string', says: 'your name, as others know you' },
    email: { type: 'string', multiple: true, value: 'address', says: 'an address you commit with; may be given several times' },
    function: {
      type: 'string',
      multiple: true,
      value: 'function',
      says: 'what you approve as: risk, trading, …; may be given several times',
    },
    ...identityOption,
    ...stateOption,
    ...jsonOption,
  },
  words: [1, 1],
  run: async (invocation) => {
    const [verb = ''] = invocation.words;
    switch (verb) {
      case 'create':
        return create(invocation);
      case 'register':
        return register(invocation);
      case 'show':
        return show(invocation, await readIdentity(fileOf(invocation)));
      case 'card':
        return card(invocation);
      default:
        throw new SluiceError('usage', `sluice identity: no verb "${verb}"`, {
          hint: 'there are: create, card, register, show; sluice people lists everybody',
        });
    }
  },
};

export default command;

const fileOf = (invocation: Invocation): string => text(invocation, 'file') ?? defaultIdentityFile(invocation.world.env);

async function create(invocation: Invocation): Promise<number> {
  const { terminal, world } = invocation;
  const name = text(invocation, 'name');
  const emails = texts(invocation, 'email');
  const functions = texts(invocation, 'function');
  if (name === undefined || emails.length === 0 || functions.length === 0) {
    throw new SluiceError('usage', 'sluice identity create needs --name, --email and --function', {
      hint: 'sluice identity --help shows an example',
    });
  }
  const identity = newIdentity({ id: world.ids.uuid(), name, emails, functions }, randomBytes(32));
  const path = fileOf(invocation);
  await storeIdentity(path, identity);
  if (flag(invocation, 'json')) terminal.json(identity.person);
  else
    terminal.print(
      `${terminal.symbol('pass')} identity of ${name} (${functions.join(', ')}) in ${path}`,
      'next: sluice identity register hands in your card; the very first people:',
      '  sluice identity card > card.json, then sluice serve --people card.json',
    );
  return 0;
}

/** The public half, for whoever is to admit this person. */
async function card(invocation: Invocation): Promise<number> {
  invocation.terminal.json(cardOf(await readIdentity(fileOf(invocation))));
  return 0;
}

/** Hands in the card: nobody admits themselves. */
async function register(invocation: Invocation): Promise<number> {
  const { terminal, world } = invocation;
  const identity = await readIdentity(fileOf(invocation));
  const { name, id } = identity.person;
  const client = await (await world.controlPlane(text(invocation, 'state'))).client(text(invocation, 'file'));
  const { people } = await client.people();
  const there = people.some((person) => person.id === id);
  if (people.length === 0) {
    throw new SluiceError('conflict', 'nobody is in the register who could admit you', {
      hint: 'the first people are named at the start: sluice identity card > card.json, sluice serve --people card.json',
    });
  }
  if (there) {
    if (flag(invocation, 'json')) terminal.json({ state: 'there' });
    else terminal.print(`${terminal.symbol('pass')} ${name} is in the register already`);
    return 0;
  }
  const { emails, functions, ...rest } = cardOf(identity);
  const answer = await client.handInCard({ card: { ...rest, emails: [...emails], functions: [...functions] }, salt: newSalt() });
  if (flag(invocation, 'json')) terminal.json(answer);
  else
    terminal.print(
      `${terminal.symbol('pass')} the card of ${name} is handed in as change ${answer.number}; it waits for ${answer.needed ?? 1} of those with the right "people" → sluice people confirm ${answer.number}`,
    );
  return 0;
}

function show(invocation: Invocation, { person }: Identity): number {
  const { terminal } = invocation;
  if (flag(invocation, 'json')) terminal.json(person);
  else
    terminal.print(
      ...table([
        ['name', person.name],
        ['e-mail', person.emails.join(', ')],
        ['functions', person.functions.join(', ')],
        ['reference', person.id],
        ['key', shortDigest(keyDigestOf(person))],
      ]),
    );
  return 0;
}
