import { randomBytes } from 'node:crypto';
import { keyDigestOf, newIdentity, type Identity } from '#access';
import { shortDigest, SluiceError } from '#kernel';
import { flag, jsonOption, text, texts, type Command, type Invocation } from '../command.ts';
import { defaultIdentityFile, readIdentity, storeIdentity } from '../identity-store.ts';
import { stateOption } from '../options.ts';
import { table } from '../text.ts';

const command: Command = {
  name: 'identity',
  summary: 'make a key to approve with, register it, list who may approve',
  usage: 'create --name <name> --email <address> --function <function> | register | show | list',
  example: [
    'sluice identity create --name "Erin Example" --email erin@example.com --function risk',
    '✔ identity of Erin Example (risk) in ~/.config/sluice/identity.json',
    'next: sluice identity register',
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
    file: { type: 'string', value: 'path', says: 'the identity file (default: ~/.config/sluice/identity.json, or SLUICE_IDENTITY)' },
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
      case 'list':
        return list(invocation);
      default:
        throw new SluiceError('usage', `sluice identity: no verb "${verb}"`, { hint: 'there are: create, register, show, list' });
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
    terminal.print(`${terminal.symbol('pass')} identity of ${name} (${functions.join(', ')}) in ${path}`, 'next: sluice identity register');
  return 0;
}

async function register(invocation: Invocation): Promise<number> {
  const { terminal, world } = invocation;
  const { person } = await readIdentity(fileOf(invocation));
  const client = await (await world.controlPlane(text(invocation, 'state'))).client();
  const registered = await client.addPerson({ ...person, emails: [...person.emails], functions: [...person.functions] });
  if (flag(invocation, 'json')) terminal.json(registered);
  else
    terminal.print(
      `${terminal.symbol('pass')} ${person.name} may approve as ${person.functions.join(', ')}; in the record only as ${person.id}`,
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

async function list(invocation: Invocation): Promise<number> {
  const { terminal, world } = invocation;
  const people = await (await (await world.controlPlane(text(invocation, 'state'))).client()).people();
  if (flag(invocation, 'json')) terminal.json({ people });
  else if (people.length === 0) terminal.print('nobody is registered yet → sluice identity create, then sluice identity register');
  else terminal.print(...table(people.map((person) => [person.name, person.functions.join(', '), person.emails.join(', '), person.id])));
  return 0;
}
