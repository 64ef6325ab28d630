import { lowerable, type RegisterChange } from '#access';
import { SluiceError, visibleText } from '#kernel';
import { reasonDigest } from '#workflow';
import { flag, jsonOption, text, type Command, type Invocation } from '../command.ts';
import { environmentOption, identityOption, stateOption } from '../options.ts';
import { confirmationOf, newSalt, signatory, tellAnswer } from '../register-change.ts';
import { onlyEnvironment } from '../only-environment.ts';
import { table } from '../text.ts';

const hour = 3_600_000;

const command: Command = {
  name: 'lease',
  summary: 'lower the safety of an environment for a while, with a reason',
  usage: 'grant sandbox --hours <n> --reason <text> | list | end <lease>',
  example: [
    'sluice lease grant sandbox --environment production --hours 2 --reason "no namespaces yet"',
    '✔ production may take commits without a sandbox for 2 hours',
  ],
  options: {
    ...environmentOption,
    hours: { type: 'string', value: 'n', says: 'how long, at most 24 (default: 1)' },
    reason: { type: 'string', short: 'r', says: 'why, for whoever reads it later' },
    ...identityOption,
    ...stateOption,
    ...jsonOption,
  },
  words: [1, 2],
  run: async (invocation) => {
    const [verb = '', what = ''] = invocation.words;
    switch (verb) {
      case 'grant':
        return grant(invocation, what);
      case 'list':
        return list(invocation);
      case 'end':
        return end(invocation, what);
      default:
        throw new SluiceError('usage', `sluice lease: no verb "${verb}"`, { hint: 'there are: grant, list, end' });
    }
  },
};

export default command;

async function grant(invocation: Invocation, what: string): Promise<number> {
  const { world } = invocation;
  const lowers = lowerable.find((one) => one === what);
  if (lowers === undefined)
    throw new SluiceError('usage', `sluice lease grant: nothing is called "${what}"`, { hint: `there are: ${lowerable.join(', ')}` });
  const reason = text(invocation, 'reason') ?? '';
  if (reason.trim() === '')
    throw new SluiceError('usage', 'sluice lease grant needs --reason', { hint: 'say why, for whoever reads it later' });
  const hours = Number(text(invocation, 'hours') ?? '1');
  if (!Number.isFinite(hours) || hours <= 0 || hours > 24)
    throw new SluiceError('usage', '--hours: expected a number up to 24', { hint: 'grant it again when it has lapsed' });
  const environment = text(invocation, 'environment') ?? (await onlyEnvironment(world));
  const who = await signatory(invocation);
  const now = world.clock.now();
  const said = { text: reason, salt: newSalt() };
  const lease = {
    leaseRef: world.ids.next(),
    lowers,
    environment,
    expiresAt: Math.floor(now + hours * hour),
    reasonDigest: reasonDigest(said),
  };
  const change: RegisterChange = { kind: 'grant-lease', lease };
  const answer = await who.client.change('leases', { change, reason: said, confirmation: confirmationOf(who, change, now) });
  return tellAnswer(invocation, answer, `${environment} may do without ${lowers} for ${hours} h, then it lapses by itself`);
}

async function list(invocation: Invocation): Promise<number> {
  const { terminal, world } = invocation;
  const register = await (await (await world.controlPlane(text(invocation, 'state'))).client(text(invocation, 'file'))).people();
  if (flag(invocation, 'json')) terminal.json({ leases: register.leases });
  else if (register.leases.length === 0) terminal.print('nothing is lowered');
  else
    terminal.print(
      ...table(
        register.leases.map(({ leaseRef, environment, lowers, owner, reason, expiresAt }) => [
          `  ${leaseRef}`,
          `${environment} without ${lowers}`,
          `until ${expiresAt}`,
          visibleText(register.people.find(({ id }) => id === owner)?.name ?? owner.slice(0, 8)),
          visibleText(reason),
        ]),
      ),
    );
  return 0;
}

async function end(invocation: Invocation, leaseRef: string): Promise<number> {
  const who = await signatory(invocation);
  if (!who.register.leases.some((one) => one.leaseRef === leaseRef))
    throw new SluiceError('notFound', `there is no lease "${leaseRef}"`, { hint: 'sluice lease list' });
  const change = { kind: 'end-lease', leaseRef } as const;
  const answer = await who.client.change('leases', { change, confirmation: confirmationOf(who, change, invocation.world.clock.now()) });
  return tellAnswer(invocation, answer, 'the lease is ended');
}
