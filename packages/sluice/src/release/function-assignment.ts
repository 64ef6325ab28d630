/** Which approver serves which required function; and which functions one more person could still fill. */
export type FunctionAssignment = {
  readonly assigned: readonly { readonly function: string; readonly person: string }[];
  /** How many more distinct people are needed. */
  readonly missing: number;
  /** A person with any one of these functions brings it one step nearer. Empty when none is missing. */
  readonly needs: readonly string[];
};

type Candidate = { readonly id: string; readonly functions: readonly string[] };

/**
 * Gives each required function a person of its own. Somebody with two functions must not be spent on the wrong one: that is a maximum matching, found by
 * augmenting paths. A function named twice needs two people.
 */
export function assignFunctions(required: readonly string[], people: readonly Candidate[]): FunctionAssignment {
  const holders = match(required, people);
  const missing = holders.filter((holder) => holder === undefined).length;
  // Not simply the functions left over: when one person holds risk and trading, either may be the one still to come.
  const needs = [...new Set(required)].filter(
    (name) => countOf(match(required, [...people, { id: '', functions: [name] }])) > required.length - missing,
  );
  return {
    assigned: required.flatMap((name, seat) => {
      const person = holders[seat];
      return person === undefined ? [] : [{ function: name, person: person.id }];
    }),
    missing,
    needs: missing === 0 ? [] : needs,
  };
}

const countOf = (holders: readonly (Candidate | undefined)[]): number => holders.filter((holder) => holder !== undefined).length;

function match(required: readonly string[], people: readonly Candidate[]): readonly (Candidate | undefined)[] {
  const holders: (Candidate | undefined)[] = required.map(() => undefined);
  const seat = (person: Candidate, tried: Set<number>): boolean => {
    for (const [at, name] of required.entries()) {
      if (tried.has(at) || !person.functions.includes(name)) continue;
      tried.add(at);
      const holder = holders[at];
      if (holder !== undefined && !seat(holder, tried)) continue;
      holders[at] = person;
      return true;
    }
    return false;
  };
  for (const person of people) seat(person, new Set());
  return holders;
}
