import { SluiceError } from '#kernel';
import { text, type Invocation, type OptionSpec } from './command.ts';
import { onlyEnvironment } from './only-environment.ts';

/** Why something is asked for: recorded, with who asked. */
export const reasonOption = {
  reason: { type: 'string', short: 'r', value: 'text', says: 'why: it is kept with who asked' },
} as const satisfies Record<string, OptionSpec>;

/** The reason that was given; asked for in one line where it is missing. */
export function reasonOf(invocation: Invocation, command: string): string {
  const reason = text(invocation, 'reason')?.trim() ?? '';
  if (reason === '')
    throw new SluiceError('usage', `${command} needs a reason`, { hint: `add --reason "<why>": it is kept with who asked` });
  return reason;
}

/** The service and the environment that are meant. */
export async function placeOf(invocation: Invocation): Promise<{ readonly service: string; readonly environment: string }> {
  const [service = ''] = invocation.words;
  return { service, environment: text(invocation, 'environment') ?? (await onlyEnvironment(invocation.world)) };
}
