import { timingSafeEqual } from 'node:crypto';
import { requestClaim, type Principal } from '#access';
import { digestOf, err, ok, SluiceError, type Result } from '#kernel';
import type { RegisterCommands } from '#workflow';

/** A request as far as it matters for who sent it. */
export type IncomingRequest = {
  readonly method: string;
  readonly target: string;
  readonly authorization: string;
  readonly body: Uint8Array;
};

/** How a machine's token looks: `sluice-machine.` and 32 random bytes. */
const machineToken = /^Bearer (sluice-machine\.[A-Za-z0-9_-]{43})$/;

/** Who sent a request (I17); refused when nobody did who is known here. */
export async function principalOf(
  request: IncomingRequest,
  { token, register }: { readonly token: string; readonly register: Pick<RegisterCommands, 'person' | 'machine'> },
): Promise<Result<Principal, SluiceError>> {
  const { authorization, method, target, body } = request;
  if (sameText(authorization, `Bearer ${token}`)) return ok({ kind: 'operator' });
  const [, machine] = machineToken.exec(authorization) ?? [];
  if (machine !== undefined) return register.machine(machine);
  const claim = requestClaim(authorization);
  if (claim !== undefined) return register.person(claim, { method, target, body: digestOf(body) });
  return err(
    new SluiceError('forbidden', 'the request says not who asks, or its token is wrong', {
      hint: 'the sluice command signs with your identity, or reads the token from the state folder',
    }),
  );
}

/** Compares digests of both, so that the time it takes tells nothing of either. */
const sameText = (a: string, b: string): boolean => timingSafeEqual(Buffer.from(digestOf(a)), Buffer.from(digestOf(b)));
