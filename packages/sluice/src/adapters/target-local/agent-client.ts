import { err, ok, type Result } from '#kernel';
import type { Target, TargetProblem } from '#rollout';
import { answerSchema, wire, type AgentListing, type Command, type Input, type Output } from './agent-wire.schema.ts';
import { httpCall } from './http-call.ts';
import { layoutOf } from './layout.ts';

/** How long an answer may take, in milliseconds, until the agent counts as out of reach: nothing waits for ever (D04). Extracting and stopping are slow by nature. */
const patience: Readonly<Record<Command, number>> = {
  'resolve-executable': 300_000,
  place: 300_000,
  observe: 5_000,
  attest: 60_000,
  probe: 15_000,
  retire: 900_000,
  preserve: 60_000,
  ps: 5_000,
  stop: 900_000,
};

/** Sends one command to the agent of a state folder. */
export async function tellAgent<C extends Command>(
  stateFolder: string,
  command: C,
  input: Input<C>,
): Promise<Result<Output<C>, TargetProblem>> {
  const { socket } = layoutOf(stateFolder);
  const headers = { 'content-type': 'application/json' };
  const answer = await httpCall(
    { socketPath: socket },
    { method: 'POST', path: `/${command}`, headers, body: JSON.stringify(input), within: patience[command] },
  );
  const unreachable = (why: string): Result<never, TargetProblem> =>
    err({ kind: 'unreachable', message: `the agent of ${stateFolder} does not answer (${why}): "sluice serve" starts it` });
  if (answer.kind !== 'answered') return unreachable(answer.kind === 'failed' ? (answer.code ?? answer.message) : 'timed out');
  const parsed = answerSchema.safeParse(parseJson(answer.body));
  if (!parsed.success) return unreachable('its answer cannot be read');
  if (!parsed.data.ok) return err(parsed.data.error);
  const value = wire[command].output.safeParse(parsed.data.value);
  return value.success ? ok(value.data as Output<C>) : unreachable('its answer is of another version');
}

/** The target of this host: what the agent of a state folder runs. */
export function localTarget({ stateFolder }: { readonly stateFolder: string }): Target {
  return {
    kind: 'local',
    resolveExecutable: (start, { artifact, archive }) => tellAgent(stateFolder, 'resolve-executable', { start, artifact, archive }),
    place: (order) => tellAgent(stateFolder, 'place', order),
    observe: (service, slot) => tellAgent(stateFolder, 'observe', { service, slot }),
    attest: (service, slot) => tellAgent(stateFolder, 'attest', { service, slot }),
    probe: (service, slot, path) => tellAgent(stateFolder, 'probe', { service, slot, path }),
    retire: (service, slot, key) => tellAgent(stateFolder, 'retire', { service, slot, key }),
    preserve: (service, slot, key, name) => tellAgent(stateFolder, 'preserve', { service, slot, key, name }),
  };
}

/** Everything that the agent of a state folder runs, over all services and slots. */
export async function ps(stateFolder: string): Promise<Result<AgentListing, TargetProblem>> {
  return tellAgent(stateFolder, 'ps', {});
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
