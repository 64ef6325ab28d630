import { leaseNow } from '#access';
import type { Result, SluiceError } from '#kernel';
import { mayDeliver } from '#release';
import { placeOf, ruleOf } from './approvals.ts';
import type { DeploymentRequest } from './deployment.ts';
import type { DeploymentContext } from './deployment-step.ts';
import type { ReleaseRecord } from './records.ts';

type Context = Pick<DeploymentContext, 'delivery' | 'isolation' | 'clock' | 'register'>;

/** Whether what a commit brings is kept to itself here, and was when its release was made, well enough for where it goes; a lease counts as the signed record has it (I8). */
export async function behindWalls(
  context: Context,
  { environment, service }: DeploymentRequest,
  release: Pick<ReleaseRecord, 'isolation'> | undefined,
): Promise<Result<unknown, SluiceError>> {
  const place = placeOf(context.delivery, { environment, service });
  if (!place.ok) return place;
  const { isolation } = context;
  const now = context.clock.now();
  const built = release?.isolation;
  const asked = { environment, service, isolation, built, approvals: ruleOf(place.value.environment).functions, now };
  const without = mayDeliver({ ...asked, lease: undefined });
  if (without.ok) return without;
  const register = await context.register.current();
  return register.ok ? mayDeliver({ ...asked, lease: leaseNow(register.value, 'sandbox', environment, now) }) : register;
}
