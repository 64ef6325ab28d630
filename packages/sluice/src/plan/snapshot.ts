import { member, type Report } from './problem.ts';

/** Far beyond any real delivery, and small enough that reading one that is not real ends at once. */
const limits = { depth: 24, values: 500_000, text: 1_048_576 };

/**
 * A copy of what a configuration exports, as plain data that cannot change, call or lie afterwards. Functions, getters, class instances,
 * cycles and sizes beyond any real delivery become problems; nothing of the original is called, and nothing it does can throw out of here.
 */
export function snapshot(value: unknown, report: Report): unknown {
  const state = { left: limits.values, report };
  return copy(value, { path: '', inside: [] }, state);
}

type Place = { readonly path: string; readonly inside: readonly object[] };
type State = { left: number; readonly report: Report };

function copy(value: unknown, place: Place, state: State): unknown {
  state.left -= 1;
  if (state.left < 0) {
    if (state.left === -1) state.report(place.path, `more than ${limits.values} values are no delivery`);
    return undefined;
  }
  switch (typeof value) {
    case 'string':
      return text(value, place, state);
    case 'number':
    case 'boolean':
    case 'undefined':
      return value;
    case 'object':
      return value === null ? null : container(value, place, state);
    default:
      state.report(place.path, `a ${typeof value} is no data. Write the value itself`);
      return undefined;
  }
}

function text(value: string, { path }: Place, { report }: State): string | undefined {
  if (value.length > limits.text) report(path, `a text of ${value.length} characters is too long`);
  else if (!value.isWellFormed()) report(path, 'the text is not well-formed Unicode');
  else if (value.includes('\0')) report(path, 'the text holds a NUL character');
  else return value;
  return undefined;
}

function container(value: object, place: Place, state: State): unknown {
  if (place.inside.includes(value)) {
    state.report(place.path, 'the object holds itself');
    return undefined;
  }
  if (place.inside.length >= limits.depth) {
    state.report(place.path, `nested deeper than ${limits.depth} levels`);
    return undefined;
  }
  const inside = [...place.inside, value];
  try {
    if (Array.isArray(value)) return list(value, { path: place.path, inside }, state);
    if (!isPlain(value)) {
      state.report(place.path, 'expected plain data, got an instance of a class');
      return undefined;
    }
    return record(value, { path: place.path, inside }, state);
  } catch (error) {
    // A proxy may answer any question with a throw.
    state.report(place.path, `cannot be read: ${error instanceof Error ? error.message : 'it throws'}`);
    return undefined;
  }
}

function list(value: readonly unknown[], place: Place, state: State): unknown {
  if (value.length > state.left) {
    state.report(place.path, `a list of ${value.length} values is no delivery`);
    return undefined;
  }
  const items: unknown[] = [];
  for (let at = 0; at < value.length; at += 1) {
    items.push(property(value, String(at), { path: `${place.path}[${at}]`, inside: place.inside }, state));
  }
  return items;
}

function record(value: object, place: Place, state: State): unknown {
  const members: (readonly [string, unknown])[] = [];
  for (const key of Object.keys(value)) {
    const copied = property(value, key, { path: member(place.path, key), inside: place.inside }, state);
    if (copied !== undefined) members.push([key, copied]);
  }
  // Not by assignment: a member called __proto__ must stay a member.
  return Object.fromEntries(members);
}

function property(owner: object, key: string, place: Place, state: State): unknown {
  const found = Object.getOwnPropertyDescriptor(owner, key);
  if (found?.get !== undefined || found?.set !== undefined) {
    state.report(place.path, 'computed by a getter. Write the value itself');
    return undefined;
  }
  return copy(found?.value, place, state);
}

/** A root prototype is enough: the object may come from another realm, whose Object is not ours. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || (typeof prototype === 'object' && Object.getPrototypeOf(prototype) === null);
}
