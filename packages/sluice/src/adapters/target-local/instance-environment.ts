import type { SlotOrder } from '#rollout';
import { searchPath } from './executable.ts';
import type { InstancePlace } from './instance-place.ts';
import { markVariable } from './process-family.ts';

/** Instances listen on loopback; the router is what others reach. */
export const instanceHost = '127.0.0.1';

/** One start of an instance, as its environment needs it. */
export type StartOf = { readonly instance: string; readonly port: number; readonly token: string };

/** The whole environment of an instance: the service contract's names win over declared ones, nothing else is inherited. */
export function instanceEnvironment(
  order: SlotOrder,
  place: InstancePlace,
  start: StartOf,
  secrets: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const [environment = '', service = ''] = order.service.split('/');
  return {
    PATH: searchPath,
    HOME: place.home,
    TMPDIR: place.temporary,
    ...order.env,
    ...Object.fromEntries(Object.entries(order.folders).map(([variable, name]) => [variable, place.folder(name)])),
    ...secrets,
    PORT: String(start.port),
    HOST: instanceHost,
    SLUICE_SERVICE: service,
    SLUICE_ENVIRONMENT: environment,
    SLUICE_SLOT: order.slot,
    SLUICE_INSTANCE: start.instance,
    SLUICE_VERSION: order.version,
    SLUICE_DIGEST: order.artifact,
    SLUICE_CONTROL: place.control,
    [markVariable]: start.token,
  };
}
