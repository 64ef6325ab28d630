import { didYouMean, SluiceError } from '#kernel';
import type { ServiceKey } from '#rollout';
import type { ControlPlane } from './control-plane.ts';

/** The one service in one environment that a person means, among those the router knows. */
export async function chosenService(plane: ControlPlane, service: string, environment: string | undefined): Promise<ServiceKey> {
  const known = await plane.services();
  if (!known.ok) throw known.error;
  const matching = known.value.filter(
    (key) => key.endsWith(`/${service}`) && (environment === undefined || key.startsWith(`${environment}/`)),
  );
  const [only] = matching;
  if (only === undefined) {
    const names = [...new Set(known.value.map((key) => key.slice(key.indexOf('/') + 1)))];
    throw new SluiceError(
      'notFound',
      `no service "${service}"${environment === undefined ? '' : ` in ${environment}`} runs here.${didYouMean(service, names)}`,
      { hint: known.value.length === 0 ? 'nothing was deployed yet' : `there are: ${known.value.join(', ')}` },
    );
  }
  if (matching.length > 1) {
    const environments = matching.map((key) => key.slice(0, key.indexOf('/')));
    throw new SluiceError('usage', `${service} runs in ${environments.join(' and ')}`, {
      hint: `add --environment ${environments.at(-1) ?? ''}`,
    });
  }
  return only;
}
