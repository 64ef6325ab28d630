import { assertNever, canonicalJson, type Json } from '#kernel';
import type { ReleaseBundle } from './bundle.ts';

/** One difference between two releases, as an approver must see it. */
export type Change =
  | { readonly kind: 'service'; readonly service: string; readonly change: 'added' | 'removed' | 'changed' | 'unchanged' }
  | { readonly kind: 'config'; readonly name: string; readonly before: Json | undefined; readonly after: Json | undefined }
  | {
      readonly kind: 'parameter';
      readonly name: string;
      readonly before: Json | undefined;
      readonly after: Json | undefined;
      readonly limit: LimitChange;
    }
  | {
      readonly kind: 'limit';
      readonly name: string;
      readonly before: Json | undefined;
      readonly after: Json | undefined;
      readonly limit: LimitChange;
    }
  | { readonly kind: 'flag'; readonly name: string; readonly before: Json | undefined; readonly after: Json | undefined }
  | { readonly kind: 'schema'; readonly name: string };

/** What a difference does to a limit. A limit that is gone is a raised one. */
export type LimitChange = 'raised' | 'lowered' | 'none';

/** What changes from the live release to the next: every service, and every value that is not the same. Without a live release everything is new. */
export function describeChange(previous: ReleaseBundle | undefined, next: ReleaseBundle): readonly Change[] {
  return [
    ...services(previous, next),
    ...different(flat(previous?.limits), flat(next.limits)).map((value) => ({
      kind: 'limit' as const,
      ...value,
      limit: limitChange(value),
    })),
    ...different(flat(previous?.parameters), flat(next.parameters)).map((value) => ({
      kind: 'parameter' as const,
      ...value,
      limit: isLimitName(value.name) ? limitChange(value) : ('none' as const),
    })),
    ...different(flat(previous?.flags), flat(next.flags)).map((value) => ({ kind: 'flag' as const, ...value })),
    ...different(flat(previous?.config), flat(next.config)).map((value) => ({ kind: 'config' as const, ...value })),
    ...next.schemaChanges
      .filter(({ digest }) => previous?.schemaChanges.some((old) => old.digest === digest) !== true)
      .map(({ name }) => ({ kind: 'schema' as const, name })),
  ];
}

/** A change in one line; `attention` when it makes the system less safe by itself, or cannot be taken back by moving traffic. */
export function changeLine(change: Change): { readonly what: string; readonly attention: boolean } {
  switch (change.kind) {
    case 'service':
      return { what: `${change.service} ${change.change}`, attention: false };
    case 'limit':
    case 'parameter': {
      const limits = { raised: ': a limit is raised', lowered: ': a limit is lowered', none: '' };
      return {
        what: `${change.name} ${shown(change.before)} → ${shown(change.after)}${limits[change.limit]}`,
        attention: change.limit === 'raised',
      };
    }
    case 'flag':
    case 'config':
      return { what: `${change.name} ${shown(change.before)} → ${shown(change.after)}`, attention: false };
    case 'schema':
      return { what: `stored data: ${change.name}`, attention: true };
    default:
      return assertNever(change);
  }
}

type Difference = { readonly name: string; readonly before: Json | undefined; readonly after: Json | undefined };

function services(previous: ReleaseBundle | undefined, next: ReleaseBundle): readonly Change[] {
  const names = new Set([...Object.keys(previous?.artifacts ?? {}), ...Object.keys(next.artifacts)]);
  return [...names].toSorted().map((service) => {
    const [before, after] = [previous?.artifacts[service], next.artifacts[service]];
    if (before === undefined) return { kind: 'service', service, change: 'added' };
    if (after === undefined) return { kind: 'service', service, change: 'removed' };
    const same = before.artifact === after.artifact && before.executable === after.executable;
    return { kind: 'service', service, change: same ? 'unchanged' : 'changed' };
  });
}

function different(before: ReadonlyMap<string, Json>, after: ReadonlyMap<string, Json>): readonly Difference[] {
  return [...new Set([...before.keys(), ...after.keys()])]
    .toSorted()
    .map((name) => ({ name, before: before.get(name), after: after.get(name) }))
    .filter(
      (value) => value.before === undefined || value.after === undefined || canonicalJson(value.before) !== canonicalJson(value.after),
    );
}

/** Values by their path, `api.MAX_ORDER_SIZE`: lists and bare values stay whole. */
function flat(value: Json | undefined, path = ''): ReadonlyMap<string, Json> {
  if (value === undefined) return new Map();
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return new Map([[path, value]]);
  const members = Object.entries(value);
  if (members.length === 0 && path !== '') return new Map([[path, value]]);
  return new Map(members.flatMap(([key, member]) => [...flat(member, path === '' ? key : `${path}.${key}`)]));
}

/** Services take limits as variables: `MAX_ORDER_SIZE`, `POSITION_LIMIT`. */
const isLimitName = (path: string): boolean => /(?:^|[._])(?:MAX|LIMIT)(?:[._]|$)/i.test(path);

function limitChange({ before, after }: Difference): LimitChange {
  const [from, to] = [amount(before), amount(after)];
  if (to === undefined) return from === undefined ? 'none' : 'raised';
  if (from === undefined) return 'none';
  return to > from ? 'raised' : to < from ? 'lowered' : 'none';
}

function amount(value: Json | undefined): number | undefined {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && /^-?[0-9]+(?:\.[0-9]+)?$/.test(value) ? Number(value) : undefined;
}

const shown = (value: Json | undefined): string =>
  value === undefined ? 'none' : typeof value === 'string' ? value : canonicalJson(value);
