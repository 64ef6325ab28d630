import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { systemClock } from '#host';
import { takeLock } from './agent-lock.ts';
import { serveAgent } from './agent-server.ts';
import { Agent } from './agent.ts';
import { layoutOf } from './layout.ts';
import type { RouterSupervision } from './router-keeper.ts';
import { noTrigger, type Trigger } from './trigger-point.ts';
import type { Walls } from './walls.ts';

/** What an agent process is given. */
export type AgentOptions = {
  readonly stateFolder: string;
  readonly supervision?: RouterSupervision;
  readonly at?: Trigger;
  readonly sandbox?: Walls;
};

/**
 * The whole life of an agent process: becomes the one agent of the folder, answers commands, adopts what runs.
 * Resolves when told to stop, or with the reason why there cannot be a second one.
 */
export async function runAgent(options: AgentOptions): Promise<'stopped' | { readonly refused: string }> {
  const layout = layoutOf(options.stateFolder);
  // A state folder that is gone was removed on purpose: an agent that is late must not bring it back.
  if (!existsSync(layout.agentFolder)) return { refused: `there is no ${layout.agentFolder}: "sluice serve" makes it` };
  const lock = await takeLock(layout.agentFolder);
  if ('heldBy' in lock) return { refused: `the agent of ${options.stateFolder} runs already, as process ${lock.heldBy.pid}` };
  const agent = new Agent({
    layout,
    clock: systemClock,
    at: options.at ?? noTrigger,
    ...(options.supervision === undefined ? {} : { supervision: options.supervision }),
    ...(options.sandbox === undefined ? {} : { sandbox: options.sandbox }),
  });
  await agent.load();
  const server = await serveAgent(agent, layout.socket).catch((error: Error) => error);
  if (server instanceof Error) {
    await lock.release();
    return { refused: `the agent of ${options.stateFolder} cannot listen on ${layout.socket}: ${server.message}` };
  }
  await agent.resume();
  await agent.stopped;
  server.close();
  await rm(layout.socket, { force: true });
  await lock.release();
  return 'stopped';
}
