import { assertNever, canonicalJson, digestOf, formatCount, own, shortDigest, visibleText, type Json } from '#kernel';
import type { ApprovalSubject } from './approval-subject.ts';
import type { GeneratedOutput, ReleaseBundle } from './bundle.ts';

/** One difference between what is live and what is to be, as an approver must see it. */
export type Change =
  | { readonly kind: 'service'; readonly service: string; readonly change: 'added' | 'removed' | 'changed' | 'unchanged' }
  | ({ readonly kind: 'value'; readonly limit: LimitChange } & Difference)
  /** Files of an artifact that are in no commit: a job made them. Told of every release, whether they changed or not. */
  | {
      readonly kind: 'generated';
      readonly service: string;
      readonly output: GeneratedOutput;
      readonly change: 'new' | 'changed' | 'unchanged';
    }
  | { readonly kind: 'schema'; readonly name: string };

/** What a difference does to a declared limit. Nothing is taken for a limit because of its name. */
export type LimitChange = 'raised' | 'lowered' | 'new' | 'removed' | 'redefined' | 'none';

type Difference = { readonly name: string; readonly before: Json | undefined; readonly after: Json | undefined };

/** What changes by what is to be signed: every service, and every value that is not the same in this environment. Without a live release everything is new. */
export function describeChange(subject: Pick<ApprovalSubject, 'service' | 'release' | 'previous' | 'settings'>): readonly Change[] {
  const { service, release, previous } = subject;
  const [before, after] = [previous?.bundle, release.bundle];
  const limits = different(declared(before?.limits), declared(after.limits));
  const values = different(valuesOf(before, service, previous?.settings), valuesOf(after, service, subject.settings));
  return [
    ...services(before, after),
    ...generated(before, after),
    ...[...limits, ...values].map((value) => ({ kind: 'value' as const, ...value, limit: limitChange(value) })),
    ...different(flat(before?.flags), flat(after.flags)).map((value) => ({ kind: 'value' as const, ...value, limit: 'none' as const })),
    ...after.schemaChanges
      .filter(({ digest }) => before?.schemaChanges.some((old) => old.digest === digest) !== true)
      .map(({ name }) => ({ kind: 'schema' as const, name })),
  ];
}

/** A change in one line of visible text; `attention` when it touches a limit, or cannot be taken back by moving traffic. */
export function changeLine(change: Change): { readonly what: string; readonly attention: boolean } {
  switch (change.kind) {
    case 'service':
      return { what: `${visibleText(change.service)} ${change.change}`, attention: false };
    case 'value':
      return {
        what: `${visibleText(change.name)} ${shownValue(change.before)} → ${shownValue(change.after)}${limitWords[change.limit]}`,
        attention: change.limit !== 'none',
      };
    case 'generated': {
      const { output, job, files, bytes, digest } = change.output;
      const size = `${formatCount(files)} file${files === 1 ? '' : 's'} (${formatCount(bytes)} bytes, ${shortDigest(digest)})`;
      const what = `${visibleText(change.service)} carries ${size} that no commit holds: output ${visibleText(output)} of job ${visibleText(job)}, ${change.change}`;
      return { what, attention: change.change !== 'unchanged' };
    }
    case 'schema':
      return { what: `stored data: ${visibleText(change.name)}`, attention: true };
    default:
      return assertNever(change);
  }
}

const limitWords: Readonly<Record<LimitChange, string>> = {
  raised: ': a limit is raised',
  lowered: ': a limit is lowered',
  new: ': a new limit',
  removed: ': a limit is gone',
  redefined: ': a limit of another unit or direction',
  none: '',
};

function services(previous: ReleaseBundle | undefined, next: ReleaseBundle): readonly Change[] {
  const names = new Set([...Object.keys(previous?.artifacts ?? {}), ...Object.keys(next.artifacts)]);
  return [...names].toSorted().map((service) => {
    const [before, after] = [own(previous?.artifacts, service), own(next.artifacts, service)];
    if (before === undefined) return { kind: 'service', service, change: 'added' };
    if (after === undefined) return { kind: 'service', service, change: 'removed' };
    const same = before.artifact === after.artifact && before.executable === after.executable;
    return { kind: 'service', service, change: same ? 'unchanged' : 'changed' };
  });
}

function generated(previous: ReleaseBundle | undefined, next: ReleaseBundle): readonly Change[] {
  return Object.entries(next.artifacts).flatMap(([service, { generated: outputs = [] }]) =>
    outputs.map((output) => {
      const before = own(previous?.artifacts, service)?.generated?.find((old) => old.output === output.output && old.job === output.job);
      const change = before === undefined ? 'new' : before.digest === output.digest ? 'unchanged' : 'changed';
      return { kind: 'generated' as const, service, output, change } as const;
    }),
  );
}

/** Variables and configuration of every service by their path; those of the one that moves as its environment overrides them. */
function valuesOf(bundle: ReleaseBundle | undefined, service: string, settings: Json | undefined): ReadonlyMap<string, Json> {
  if (bundle === undefined) return new Map();
  const { env, ...others } = isObject(settings) ? settings : {};
  const values = new Map<string, Json>();
  for (const name of new Set([...Object.keys(bundle.parameters), ...Object.keys(bundle.config)])) {
    const config = own(bundle.config, name);
    const moves = name === service;
    const merged = [own(bundle.parameters, name), config, ...(moves ? [env, others] : [])];
    for (const each of merged) for (const [path, value] of flat(each, name)) values.set(path, value);
  }
  return values;
}

function different(before: ReadonlyMap<string, Json>, after: ReadonlyMap<string, Json>): readonly Difference[] {
  return [...new Set([...before.keys(), ...after.keys()])]
    .toSorted()
    .map((name) => ({ name, before: before.get(name), after: after.get(name) }))
    .filter(
      (value) => value.before === undefined || value.after === undefined || canonicalJson(value.before) !== canonicalJson(value.after),
    );
}

const isObject = (value: Json | undefined): value is { readonly [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What a variable stands for is one value; so are lists and bare values. */
const isWhole = (value: Json): boolean => !isObject(value) || ['limit', 'address-of', 'folder'].some((kind) => own(value, 'kind') === kind);

/** Values by their path, `api.MAX_ORDER_SIZE`. */
function flat(value: Json | undefined, path = ''): ReadonlyMap<string, Json> {
  if (value === undefined) return new Map();
  if (!isObject(value) || isWhole(value)) return new Map([[path, value]]);
  const members = Object.entries(value);
  if (members.length === 0 && path !== '') return new Map();
  return new Map(members.flatMap(([key, member]) => [...flat(member, path === '' ? key : `${path}.${key}`)]));
}

/** The limits of a bundle itself are numbers that protect by being low. */
const declared = (limits: Readonly<Record<string, number>> | undefined): ReadonlyMap<string, Json> =>
  new Map(Object.entries(limits ?? {}).map(([name, value]) => [name, { kind: 'limit', value, unit: '', safer: 'lower' }]));

function limitChange({ before, after }: Difference): LimitChange {
  const [from, to] = [limitIn(before), limitIn(after)];
  if (to === undefined) return from === undefined ? 'none' : 'removed';
  if (from === undefined) return 'new';
  if (from.unit !== to.unit || from.safer !== to.safer) return 'redefined';
  return to.value > from.value ? 'raised' : 'lowered';
}

function limitIn(value: Json | undefined): { readonly value: number; readonly unit: Json; readonly safer: Json } | undefined {
  if (!isObject(value) || own(value, 'kind') !== 'limit') return undefined;
  return { value: Number(own(value, 'value')), unit: own(value, 'unit') ?? '', safer: own(value, 'safer') ?? '' };
}

/** Where a value is cut. What is cut may differ in what is not shown: a digest of the whole stands for it. */
const longestValue = 160;

function shownValue(value: Json | undefined): string {
  if (value === undefined) return 'none';
  const text = spelled(value);
  const whole = visibleText(text, longestValue);
  return text.length <= longestValue ? whole : `${whole} (${shortDigest(digestOf(text))})`;
}

function spelled(value: Json): string {
  if (typeof value === 'string') return /^[\w.:/@+,%-]+$/.test(value) ? value : JSON.stringify(value);
  if (!isObject(value)) return canonicalJson(value);
  const { kind, ...members } = value;
  const { value: amount, unit, safer, service, name, ...others } = members;
  // Only what says all there is; anything else stands there as it is.
  if (kind === 'limit' && typeof amount === 'number' && typeof unit === 'string' && isOnly(others, service, name))
    return `${amount} ${unit}`.trimEnd() + (safer === 'higher' ? ' at least' : '');
  if (kind === 'address-of' && typeof service === 'string' && isOnly(others, amount, unit, safer, name)) return `address of ${service}`;
  if (kind === 'folder' && typeof name === 'string' && isOnly(others, amount, unit, safer, service)) return `folder ${name}`;
  return canonicalJson(value);
}

const isOnly = (others: object, ...absent: readonly unknown[]): boolean =>
  Object.keys(others).length === 0 && absent.every((member) => member === undefined);
