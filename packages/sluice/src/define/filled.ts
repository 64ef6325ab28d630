/** True for an object that is neither null nor a list. */
export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * The input over its defaults. Members that are `undefined` count as left out. Unknown members, and inputs that are no object, pass through:
 * in JavaScript nothing checks them before the plan does, and it names all of them together, with their paths.
 */
export function fill<T>(input: unknown, defaults: Partial<NoInfer<T>>): T {
  if (!isRecord(input)) return input as T;
  const given = Object.entries(input).filter(([, member]) => member !== undefined);
  return { ...defaults, ...Object.fromEntries(given) } as T;
}
