import { join } from 'node:path';
import { digestOf } from '#kernel';
import { socketPath } from '#host';
import type { ServiceKey, Slot } from '#rollout';

/** Where the agent of a state folder keeps what. */
export type Layout = {
  readonly stateFolder: string;
  readonly agentFolder: string;
  readonly socket: string;
  readonly agentLog: string;
  readonly secrets: string;
  /** Extracted artifacts, one read-only tree per digest. */
  readonly trees: string;
  /** One durable record per slot. */
  readonly slots: string;
};

/** The layout below a state folder. */
export function layoutOf(stateFolder: string): Layout {
  const agentFolder = join(stateFolder, 'agent');
  return {
    stateFolder,
    agentFolder,
    socket: socketPath(stateFolder, 'agent'),
    agentLog: join(agentFolder, 'agent.log'),
    secrets: join(stateFolder, 'secrets.json'),
    trees: join(stateFolder, 'trees'),
    slots: join(agentFolder, 'slots'),
  };
}

/** The record of a slot; service keys hold one slash, names none. */
export const recordFile = (layout: Layout, service: ServiceKey, slot: Slot): string =>
  join(layout.slots, `${service.replace('/', '~')}~${slot}.json`);

/** Logs of what is, or was last, in a slot. */
export const logFolder = (layout: Layout, service: ServiceKey, slot: Slot): string => join(layout.stateFolder, 'logs', service, slot);

/** A lasting folder of a service, the same for both slots and every version. */
export const lastingFolder = (layout: Layout, service: ServiceKey, name: string): string =>
  join(layout.stateFolder, 'folders', service, name);

/** What an instance has for itself alone where nothing confines it: its home and its folder for temporary files. */
export const scratchFolder = (layout: Layout, service: ServiceKey, slot: Slot): string =>
  join(layout.stateFolder, 'scratch', service, slot);

/**
 * A control socket lies in a folder of its own, which an instance may be given without anything else, and is named by the token of one start: what an earlier process left
 * behind never stands in the way.
 */
export const controlSocket = (layout: Layout, token: string): string => socketPath(layout.stateFolder, `${controlName(token)}/c`);

/** The control socket of the instance that was started with this token. */
export const controlSocketOf = (stateFolder: string, token: string): string => controlSocket(layoutOf(stateFolder), token);

/** Where the socket of an instance lies that an earlier version of Sluice started. */
export const earlierControlSocket = (layout: Layout, token: string): string => socketPath(layout.stateFolder, controlName(token));

const controlName = (token: string): string => `i-${digestOf(token).slice(7, 19)}`;
