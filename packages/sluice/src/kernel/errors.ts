import { systemFault } from './system-fault.ts';

/**
 * The closed list of error codes, with the process exit code and the HTTP status each one has at the edges.
 * Codes are public API: never renumbered, never reused.
 */
export const errorCodes = {
  gateFailed: { exit: 1, http: 409 },
  jobFailed: { exit: 1, http: 409 },
  rolloutFailed: { exit: 1, http: 409 },
  verificationFailed: { exit: 1, http: 409 },
  usage: { exit: 2, http: 400 },
  config: { exit: 2, http: 400 },
  notFound: { exit: 2, http: 404 },
  conflict: { exit: 2, http: 409 },
  unavailable: { exit: 2, http: 503 },
  inconclusive: { exit: 3, http: 409 },
  windowClosed: { exit: 4, http: 409 },
  forbidden: { exit: 5, http: 403 },
  internal: { exit: 70, http: 500 },
} as const;

/** One of the closed error codes. */
export type ErrorCode = keyof typeof errorCodes;

/** Facts that belong to an error, printable and free of secrets. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean>>;

/** What crosses a durable, process or HTTP boundary in place of an error object. */
export type WireError = {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: ErrorDetails;
  /** What to do next, in words a person can follow. */
  readonly hint?: string;
};

/** The one error class: an expected failure that a person will read. The message names the thing and the fact, the hint the way out. */
export class SluiceError extends Error {
  override readonly name = 'SluiceError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;
  readonly hint: string | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    more: { readonly details?: ErrorDetails; readonly hint?: string; readonly cause?: unknown } = {},
  ) {
    super(message, 'cause' in more ? { cause: more.cause } : undefined);
    this.code = code;
    this.details = more.details ?? {};
    this.hint = more.hint;
  }

  get exitCode(): number {
    return errorCodes[this.code].exit;
  }

  toWire(): WireError {
    const base = { code: this.code, message: this.message, details: this.details };
    return this.hint === undefined ? base : { ...base, hint: this.hint };
  }
}

/** True for a string that is one of our codes. */
export const isErrorCode = (value: unknown): value is ErrorCode => typeof value === 'string' && Object.hasOwn(errorCodes, value);

/** Any thrown value as data. What the operating system refused is `unavailable`; other unknown throws become `internal`, and keep their message. */
export function toWireError(thrown: unknown): WireError {
  if (thrown instanceof SluiceError) return thrown.toWire();
  const fault = systemFault(thrown);
  if (fault !== undefined) return { code: 'unavailable', message: fault.fact, details: { system: fault.code }, hint: fault.hint };
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return { code: 'internal', message, details: {} };
}

/** Data that came over a boundary, as an error again. */
export function fromWireError(wire: WireError): SluiceError {
  return new SluiceError(
    wire.code,
    wire.message,
    wire.hint === undefined ? { details: wire.details } : { details: wire.details, hint: wire.hint },
  );
}
