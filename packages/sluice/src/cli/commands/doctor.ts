import { checkDelivery, planError } from '#plan';
import { own, didYouMean, SluiceError } from '#kernel';
import { flag, jsonOption, text, type Command, type Invocation } from '../command.ts';
import type { Finding, FindingState } from '../doctor.ts';
import { environmentOption, stateOption } from '../options.ts';
import type { Symbol } from '../terminal.ts';
import { count, pad } from '../text.ts';

const symbolOf = { pass: 'pass', warn: 'warning', fail: 'fail' } as const satisfies Record<FindingState, Symbol>;

const command: Command = {
  name: 'doctor',
  summary: 'say what this machine gives, or which levels of the contract a service keeps',
  usage: '[--service <name>]',
  example: [
    'sluice doctor --service api',
    '✔ level 1 health   /health answered 200',
    '✔ level 2 identity /version names the digest that the agent measured',
  ],
  options: {
    service: { type: 'string', value: 'name', says: 'start one instance of this service and see what it does' },
    ...environmentOption,
    ...stateOption,
    ...jsonOption,
  },
  words: [0, 0],
  verdict: true,
  run: async (invocation) => {
    const { terminal } = invocation;
    const findings = await look(invocation);
    const failed = findings.filter((one) => one.state === 'fail').length;
    if (flag(invocation, 'json')) {
      terminal.json({ good: failed === 0, findings });
      return failed === 0 ? 0 : 1;
    }
    const width = Math.max(...findings.map((one) => one.about.length));
    for (const { about, state, says, hint } of findings) {
      terminal.print(`${terminal.symbol(symbolOf[state])} ${pad(about, width)}  ${says}`);
      if (hint !== undefined) terminal.print(`  ${pad('', width)}  → ${hint}`);
    }
    const warned = findings.filter((one) => one.state === 'warn').length;
    terminal.print(
      '',
      failed === 0
        ? `nothing is in the way${warned === 0 ? '' : `; ${count(warned, 'thing')} to know`}`
        : `${count(failed, 'thing')} in the way`,
    );
    return failed === 0 ? 0 : 1;
  },
};

export default command;

async function look(invocation: Invocation): Promise<readonly Finding[]> {
  const { world } = invocation;
  const doctor = await world.doctor(text(invocation, 'state'));
  const name = text(invocation, 'service');
  if (name === undefined) return doctor.machine();
  const project = await world.loadProject();
  if (!project.ok) throw project.error;
  const checked = checkDelivery(project.value.delivery);
  if (!checked.ok) throw planError(checked.error, project.value.configFile);
  const { services, environments } = checked.value;
  if (own(services, name) === undefined) {
    const known = Object.keys(services);
    const hint = known.length === 0 ? `${project.value.configFile} defines no service` : `there are: ${known.join(', ')}`;
    throw new SluiceError('notFound', `no service "${name}".${didYouMean(name, known)}`, { hint });
  }
  // As it runs in the environment that is meant, else in the first one that has it: variables may differ there.
  const environment =
    text(invocation, 'environment') ?? Object.keys(environments).find((one) => own(own(environments, one)?.services, name) !== undefined);
  const there = environment === undefined ? undefined : own(environments, environment);
  if (environment !== undefined && there === undefined)
    throw new SluiceError('notFound', `no environment "${environment}".${didYouMean(environment, Object.keys(environments))}`);
  const merged = Object.entries(services).map(
    ([one, definition]) => [one, { ...definition, env: { ...definition.env, ...own(there?.services, one)?.env } }] as const,
  );
  return doctor.service({ name, environment, folder: project.value.folder, services: Object.fromEntries(merged), signal: world.interrupt });
}
