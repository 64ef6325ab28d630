import { randomBytes } from 'node:crypto';
import { machineRights, type MachineRight, type RegisterChange } from '#access';
import { digestOf, SluiceError } from '#kernel';
import { flag, jsonOption, text, texts, type Command, type Invocation } from '../command.ts';
import { identityOption, stateOption } from '../options.ts';
import { confirmationOf, signatory, tellAnswer } from '../register-change.ts';
import { table } from '../text.ts';

const day = 24 * 3_600_000;

const command: Command = {
  name: 'token',
  summary: 'make, list and revoke the tokens of machines',
  usage: 'create <machine> --right <right>... [--days <n>] | list | revoke <machine>',
  example: [
    'sluice token create ci --right deploy',
    '✔ machine ci may look, deploy for 90 days; its token is shown this once:',
    'sluice-machine.…',
  ],
  options: {
    right: { type: 'string', multiple: true, value: 'right', says: `what it may: ${machineRights.join(', ')}; look always` },
    days: { type: 'string', value: 'n', says: 'how long the token holds (default: 90)' },
    ...identityOption,
    ...stateOption,
    ...jsonOption,
  },
  words: [1, 2],
  run: async (invocation) => {
    const [verb = '', machine = ''] = invocation.words;
    switch (verb) {
      case 'create':
        return create(invocation, machine);
      case 'list':
        return list(invocation);
      case 'revoke':
        return revoke(invocation, machine);
      default:
        throw new SluiceError('usage', `sluice token: no verb "${verb}"`, { hint: 'there are: create, list, revoke' });
    }
  },
};

export default command;

async function create(invocation: Invocation, name: string): Promise<number> {
  const { terminal, world } = invocation;
  if (!/^[A-Za-z0-9][\w-]{0,63}$/.test(name))
    throw new SluiceError('usage', `sluice token create: "${name}" is no name for a machine`, { hint: 'letters, digits, "-" and "_"' });
  const asked = texts(invocation, 'right');
  const unknown = asked.find((right) => !machineRights.some((known) => known === right));
  if (unknown !== undefined)
    throw new SluiceError('usage', `--right: a machine cannot have "${unknown}"`, { hint: `there are: ${machineRights.join(', ')}` });
  const days = Number(text(invocation, 'days') ?? '90');
  if (!Number.isInteger(days) || days < 1 || days > 3_650) throw new SluiceError('usage', '--days: expected a number from 1 to 3650');
  const rights: MachineRight[] = machineRights.filter((right) => right === 'look' || asked.includes(right));
  const who = await signatory(invocation);
  const token = `sluice-machine.${randomBytes(32).toString('base64url')}`;
  const now = world.clock.now();
  const expiresAt = Math.floor(now) + days * day;
  const change: RegisterChange = {
    kind: 'admit-machine',
    machine: { machineRef: world.ids.uuid(), name, rights, tokenDigest: digestOf(token), expiresAt },
  };
  await who.client.change('machines', {
    change: { ...change, machine: { ...change.machine, rights } },
    confirmation: confirmationOf(who, change, now),
  });
  if (flag(invocation, 'json')) terminal.json({ name, rights, expiresAt: new Date(expiresAt).toISOString(), token });
  else
    terminal.print(
      `${terminal.symbol('pass')} machine ${name} may ${rights.join(', ')} for ${days} days; its token is shown this once, put it into SLUICE_TOKEN there:`,
      token,
    );
  return 0;
}

async function list(invocation: Invocation): Promise<number> {
  const { terminal, world } = invocation;
  const { machines } = await (await (await world.controlPlane(text(invocation, 'state'))).client(text(invocation, 'file'))).people();
  if (flag(invocation, 'json')) terminal.json({ machines });
  else if (machines.length === 0) terminal.print('no machine has a token → sluice token create <machine> --right deploy');
  else
    terminal.print(
      ...table(
        machines.map(({ name, rights, expiresAt, machineRef }) => [
          `  ${name}`,
          rights.join(', '),
          `until ${expiresAt ?? 'revoked'}`,
          machineRef.slice(0, 8),
        ]),
      ),
    );
  return 0;
}

async function revoke(invocation: Invocation, name: string): Promise<number> {
  const who = await signatory(invocation);
  const machine = who.register.machines.find((one) => one.name === name);
  if (machine === undefined) throw new SluiceError('notFound', `there is no machine "${name}"`, { hint: 'sluice token list' });
  const change = { kind: 'revoke-machine', machineRef: machine.machineRef } as const;
  const answer = await who.client.change('machines', { change, confirmation: confirmationOf(who, change, invocation.world.clock.now()) });
  return tellAnswer(invocation, answer, `the token of ${name} is revoked`);
}
