/** Freezes plain data all the way down and returns it. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  // Frozen before its members: an object that holds itself must come to an end.
  Object.freeze(value);
  for (const member of Object.values(value)) deepFreeze(member);
  return value;
}
