/** What each name needs, by name. Needs that are no name of the map are ignored here, and reported elsewhere. */
export type Needs = ReadonlyMap<string, readonly string[]>;

/**
 * Every name after all it needs, otherwise in the order of the map. The map must be free of cycles. Without recursion: a chain of a hundred
 * thousand jobs is no reason to run out of stack.
 */
export function inOrder(needs: Needs): readonly string[] {
  const done = new Set<string>();
  const order: string[] = [];
  for (const root of needs.keys()) {
    const stack = [root];
    for (let name = stack.at(-1); name !== undefined; name = stack.at(-1)) {
      const open = done.has(name) ? undefined : needs.get(name)?.find((need) => !done.has(need) && needs.has(need));
      if (open !== undefined) {
        stack.push(open);
        continue;
      }
      stack.pop();
      if (!done.has(name)) order.push(name);
      done.add(name);
    }
  }
  return order;
}

/** Cycles that share no name, each as the path one walks until one is back: `[a, b, a]`. None means that there is no cycle at all. */
export function cycles(needs: Needs): readonly (readonly string[])[] {
  const found: (readonly string[])[] = [];
  let left = peeled(needs);
  for (let [first] = left.keys(); first !== undefined; [first] = left.keys()) {
    const cycle = walk(first, left);
    found.push(cycle);
    left = peeled(new Map([...left].filter(([name]) => !cycle.includes(name))));
  }
  return found;
}

/** All that a name needs, directly or through others, in no particular order. */
export function closure(start: readonly string[], needs: Needs): ReadonlySet<string> {
  const reached = new Set<string>();
  const open = [...start];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (reached.has(name) || !needs.has(name)) continue;
    reached.add(name);
    open.push(...(needs.get(name) ?? []));
  }
  return reached;
}

/** What remains when everything that can be ordered is taken away: each name left needs another one left. */
function peeled(needs: Needs): Needs {
  const waiting = new Map([...needs].map(([name, all]) => [name, new Set(all.filter((need) => needs.has(need)))]));
  const neededBy = new Map<string, string[]>();
  for (const [name, all] of waiting) for (const need of all) neededBy.set(need, [...(neededBy.get(need) ?? []), name]);
  const ready = [...waiting].filter(([, all]) => all.size === 0).map(([name]) => name);
  for (let name = ready.pop(); name !== undefined; name = ready.pop()) {
    waiting.delete(name);
    for (const dependent of neededBy.get(name) ?? []) {
      const all = waiting.get(dependent);
      if (all?.delete(name) === true && all.size === 0) ready.push(dependent);
    }
  }
  return new Map([...waiting].map(([name, all]) => [name, [...all]]));
}

function walk(start: string, needs: Needs): readonly string[] {
  const path: string[] = [];
  const at = new Map<string, number>();
  for (let name = start; ; name = needs.get(name)?.[0] ?? start) {
    const before = at.get(name);
    if (before !== undefined) return fromEarliest(path.slice(before), needs);
    at.set(name, path.length);
    path.push(name);
  }
}

/** The cycle as it reads best: from the name that was declared first. */
function fromEarliest(cycle: readonly string[], needs: Needs): readonly string[] {
  const first = [...needs.keys()].find((name) => cycle.includes(name)) ?? cycle[0] ?? '';
  const at = cycle.indexOf(first);
  return [...cycle.slice(at), ...cycle.slice(0, at), first];
}
