import { canonicalJson, formatBasisPoints, formatDuration, visibleText, type Digest, type Json } from '#kernel';
import { changeLine, describeChange, type ApprovalSubject, type ApprovedCommits } from '#release';
import type { Terminal } from './terminal.ts';
import { count, table, wrapped } from './text.ts';

/** How much is spelled out unless all is asked for; the rest is counted. Changes that call for attention come first. */
const most = { commits: 8, changes: 40, people: 12, verdicts: 40 } as const;

/** What somebody is asked to sign. Everything here comes out of the document that is digested, and from nowhere else. */
export function approvalLines(
  terminal: Terminal,
  signed: { readonly subject: ApprovalSubject; readonly digest: Digest; readonly deployment: string; readonly all: boolean },
): readonly string[] {
  const { subject, digest, deployment, all } = signed;
  const { release, previous, rule, commits } = subject;
  const from = previous === null ? 'first release,' : `${visibleText(previous.version)} →`;
  const machines = Object.entries(rule.machineIdentities).map(([address, role]) => `${visibleText(address)} (${role})`);
  const verdicts = subject.verdicts.map(
    ({ gate, kind, because }) => `${terminal.symbol(symbolOf(kind))} ${visibleText(gate)}: ${visibleText(because)}`,
  );
  const rows: readonly (readonly string[])[] = [
    ['  what', `${visibleText(subject.service)} ${from} ${visibleText(release.version)} in ${visibleText(subject.environment)}`],
    ['  signs', `${digest} for deployment ${visibleText(deployment)}`],
    ['  commit', visibleText(release.commit)],
    ['  how', all ? visibleText(canonicalJson(subject.strategy), Infinity) : strategyText(subject.strategy)],
    ...under('  changed', [
      ...(commits === null ? [] : commitLines(commits.added, { subject, verb: '', all })),
      ...(commits === null || commits.removed.count === 0 ? [] : commitLines(commits.removed, { subject, verb: ' taken away', all })),
      ...changeLines(terminal, subject, all),
    ]),
    ...under('  evidence', bounded(verdicts, all ? Infinity : most.verdicts, 'verdict')),
    ...(machines.length === 0 ? [] : under('  machines', bounded(machines, all ? Infinity : most.people, 'address', 'addresses'))),
    [
      '  asks',
      `${rule.functions.map((name) => visibleText(name)).join(', ') || 'nobody'}${subject.window === null ? '' : `; window ${visibleText(canonicalJson(subject.window))}`}`,
    ],
  ];
  const room = terminal.width - titleWidth;
  return table(rows.flatMap(([title = '', text = '']) => under(title, wrapped(text, room, '  '))));
}

/** Where the text of each line begins. */
const titleWidth = 12;

const under = (title: string, lines: readonly string[]): readonly (readonly string[])[] =>
  lines.map((line, at) => [at === 0 ? title : '', line]);

/** The first lines, and how many more there are: nothing is left out without a word. */
function bounded(lines: readonly string[], limit: number, noun: string, plural = `${noun}s`): readonly string[] {
  const rest = lines.length - limit;
  return rest <= 0
    ? lines
    : [...lines.slice(0, limit), `… and ${count(rest, noun).replace(`${noun}s`, plural)} more; --all shows every one`];
}

function commitLines(
  commits: ApprovedCommits,
  { subject, verb, all }: { readonly subject: ApprovalSubject; readonly verb: string; readonly all: boolean },
): readonly string[] {
  const { machineIdentities, since } = subject.rule;
  const isMachine = (address: string): boolean =>
    Object.keys(machineIdentities).some((machine) => machine.trim().toLowerCase() === address.trim().toLowerCase());
  const named = (address: string): string => `${visibleText(address || 'nobody')}${isMachine(address) ? ' (machine)' : ''}`;
  const people = commits.people.slice(0, all ? Infinity : most.people).map(named);
  const others = commits.people.length - people.length;
  const by = people.length === 0 ? '' : ` by ${people.join(', ')}${others === 0 ? '' : ` … and ${others} more`}`;
  const root = subject.previous === null && since !== null ? `, counted since ${visibleText(since).slice(0, 12)}` : '';
  const newest = commits.newest.slice(0, all ? Infinity : most.commits);
  const rest = commits.count - newest.length;
  return [
    `${count(commits.count, 'commit')}${verb}${by}${root}`,
    ...newest.map(({ sha, subject: title, author, committer, coAuthors }) => {
      const makers = new Set([author, ...coAuthors, committer]);
      return `  ${visibleText(sha).slice(0, 7)} ${visibleText(title, 100)}${commits.people.length > 1 ? `  ${[...makers].map(named).join(', ')}` : ''}`;
    }),
    ...(rest === 0 ? [] : [`  … and ${count(rest, 'commit')} more${verb}`]),
  ];
}

function changeLines(terminal: Terminal, subject: ApprovalSubject, all: boolean): readonly string[] {
  const changes = describeChange(subject)
    .filter((change) => change.kind !== 'service' || change.change !== 'unchanged')
    .map(changeLine);
  const marked = changes.filter(({ attention }) => attention).map(({ what }) => `${what} ${terminal.symbol('warning')}`);
  const plain = changes.filter(({ attention }) => !attention).map(({ what }) => what);
  // Of a first release every value is new: listing them all would hide its limits.
  if (subject.previous === null && !all) return [...marked, `everything is new: ${count(plain.length, 'value')}; --all shows every one`];
  return bounded([...marked, ...plain], all ? Infinity : Math.max(most.changes, marked.length), 'change');
}

const symbolOf = (kind: string): 'pass' | 'fail' | 'inconclusive' => (kind === 'pass' || kind === 'fail' ? kind : 'inconclusive');

/** A strategy in one line; of what is not known here, its text. */
function strategyText(strategy: Json): string {
  const text = visibleText(canonicalJson(strategy), 400);
  if (typeof strategy !== 'object' || strategy === null || !('steps' in strategy) || !Array.isArray(strategy['steps'])) return text;
  const steps = (strategy['steps'] as readonly unknown[]).map((step) => {
    const { weight, watch } = step as { readonly weight?: unknown; readonly watch?: unknown };
    return typeof weight === 'number' && typeof watch === 'number'
      ? `${formatBasisPoints(weight)} for ${formatDuration(watch)}`
      : undefined;
  });
  if (steps.includes(undefined)) return text;
  const { kind, triggers, keepWarm } = strategy;
  const rollback = Array.isArray(triggers) ? `; ${count(triggers.length, 'rollback condition')}` : '';
  const warm = typeof keepWarm === 'number' ? `; the old version warm for ${formatDuration(keepWarm)}` : '';
  return `${visibleText(typeof kind === 'string' ? kind : canonicalJson(kind))}: ${steps.join(', ')}${rollback}${warm}`;
}
