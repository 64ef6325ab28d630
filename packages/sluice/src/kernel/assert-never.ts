/** Closes a switch over a union; reached only when data from storage holds a variant this version does not know. */
export function assertNever(value: never): never {
  throw new TypeError(`unhandled variant: ${JSON.stringify(value)}`);
}
