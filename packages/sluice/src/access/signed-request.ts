import {
  type Digest,
  ed25519Signer,
  ed25519Verify,
  err,
  fromBase64,
  hours,
  isoTime,
  minutes,
  ok,
  type Result,
  SluiceError,
  toBase64,
} from '#kernel';
import { type Person, publicKeyOf } from './person.ts';

/** One request to one control plane: what a person signs, so that it can neither be changed, nor sent elsewhere, nor sent again. */
export type RequestStatement = {
  /** The control plane it is for, by the digest of the key of its record. */
  readonly plane: string;
  readonly person: string;
  readonly method: string;
  /** With the query, as it stands in the request line. */
  readonly target: string;
  readonly body: Digest;
  /** Epoch milliseconds. */
  readonly at: number;
  /** Random; a control plane takes each one once. */
  readonly nonce: string;
};

/** How far the clock of a person's machine may be away, either way. */
const clockSkew = minutes(5);

/** How long a nonce has to be remembered: longer than any request that holds it is taken. */
export const nonceLasts = hours(1);

const scheme = 'Sluice-Person';

const message = ({ plane, person, method, target, body, at, nonce }: RequestStatement): Uint8Array =>
  new TextEncoder().encode(['sluice request v1', plane, person, method, JSON.stringify(target), body, isoTime(at), nonce].join('\n'));

/** The `authorization` header of a request. */
export function signRequest(seed: Uint8Array, statement: RequestStatement): string {
  const { person, at, nonce } = statement;
  return `${scheme} ${person} ${isoTime(at)} ${nonce} ${toBase64(ed25519Signer(seed)(message(statement)))}`;
}

/** What a header claims; nothing of it is shown yet. */
export type RequestClaim = Pick<RequestStatement, 'person' | 'at' | 'nonce'> & { readonly signature: string };

const header = new RegExp(
  `^${scheme} ([0-9a-f-]{36}) (\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z) ([A-Za-z0-9_-]{22}) ([A-Za-z0-9+/]{86}==)$`,
);

/** The claim of a header, undefined when it is of another scheme or malformed. */
export function requestClaim(authorization: string): RequestClaim | undefined {
  const [, person, at, nonce, signature] = header.exec(authorization) ?? [];
  const time = Date.parse(at ?? '');
  if (person === undefined || nonce === undefined || signature === undefined || Number.isNaN(time)) return undefined;
  return { person, at: time, nonce, signature };
}

/** Whether a request was signed by this person, for this control plane, a moment ago. That its nonce is new is for whoever remembers nonces to say. */
export function checkRequest(
  person: Pick<Person, 'publicKey'>,
  statement: RequestStatement,
  { signature, now }: { readonly signature: string; readonly now: number },
): Result<void, SluiceError> {
  const key = publicKeyOf(person);
  const bytes = fromBase64(signature);
  if (key === undefined || bytes === undefined || !ed25519Verify(key, message(statement), bytes)) {
    return err(
      new SluiceError('forbidden', 'the request is not signed with the key that is in the record for this person', {
        hint: 'is this the right identity file (--file or SLUICE_IDENTITY), and the right control plane?',
      }),
    );
  }
  if (Math.abs(now - statement.at) <= clockSkew) return ok(undefined);
  return err(
    new SluiceError('forbidden', 'the request was signed more than five minutes ago, or in the future', {
      hint: 'look at the clock of your machine and try again',
    }),
  );
}
