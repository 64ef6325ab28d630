import { assertNever, formatBasisPoints, formatDuration } from '#kernel';
import type { Gate } from '#define';
import type { Plan, PlannedGate, PlannedJob } from './plan.ts';

/** A plan as a document: what `sluice plan --json` prints. `version` rises when a reader must change. */
export const planJson = (plan: Plan): Plan & { readonly version: 1 } => ({ version: 1, ...plan });

type Row = { readonly name: string; readonly facts: string };

/**
 * A plan as a tree, for a terminal: a job stands below the last of the jobs it needs, and names the others. No line is longer than `width`.
 */
export function planTree(plan: Plan, { width }: { readonly width: number }): readonly string[] {
  const rows = treeRows(plan);
  const gates = plan.gates.map((gate) => ({ name: gate.name, facts: gateFacts(gate, plan) }));
  const size = `${count(plan.jobs.length, 'job')}, ${count(plan.gates.length, 'gate')}`;
  return [
    cut(`${plan.delivery} · ${plan.pipeline} · ${size}`, width),
    '',
    ...columns(rows, width),
    ...(gates.length === 0 ? [] : ['', '  gates', ...columns(gates, width)]),
  ];
}

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

/** Below which job each one stands: the last it needs in the order of the plan, so that everything above has ended before it begins. */
function treeRows(plan: Plan): readonly Row[] {
  const at = new Map(plan.jobs.map((job, index) => [job.name, index]));
  const below = new Map<string | undefined, PlannedJob[]>();
  for (const job of plan.jobs) {
    const parent = job.needs.toSorted((a, b) => (at.get(b) ?? 0) - (at.get(a) ?? 0))[0];
    below.set(parent, [...(below.get(parent) ?? []), job]);
  }
  const rows: Row[] = [];
  // A stack, not recursion: a chain of jobs may be longer than the call stack.
  const open = (below.get(undefined) ?? []).toReversed().map((job) => ({ job, lead: '', indent: '', parent: '' }));
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { job, lead, indent, parent } = next;
    rows.push({ name: `${lead}${job.name}`, facts: jobFacts(job, parent) });
    const children = below.get(job.name) ?? [];
    const placed = children.map((child, index) => {
      const last = index === children.length - 1;
      return { job: child, lead: `${indent}${last ? '└─ ' : '├─ '}`, indent: `${indent}${last ? '   ' : '│  '}`, parent: job.name };
    });
    open.push(...placed.toReversed());
  }
  return rows;
}

function jobFacts(job: PlannedJob, parent: string): string {
  const others = job.needs.filter((need) => need !== parent);
  const facts = [
    ...(others.length === 0 ? [] : [`also after ${others.join(', ')}`]),
    command(job),
    ...(job.network === undefined || job.network === 'full' ? [] : [`network ${job.network}`]),
    ...(job.effect ? ['effect outside'] : job.inputs.length > 0 ? ['cached'] : []),
    ...(Object.keys(job.services).length === 0 ? [] : [`with ${Object.keys(job.services).join(', ')}`]),
    ...(job.reports.length === 0 ? [] : [[...new Set(job.reports.map((report) => report.format))].join(' + ')]),
    ...(job.retry.attempts === 1 ? [] : [`up to ${job.retry.attempts} attempts`]),
    ...(job.budget === undefined ? [] : [`budget ${formatDuration(job.budget)}`]),
  ];
  return facts.join(' · ');
}

function command(job: PlannedJob): string {
  const [first = ''] = job.steps;
  const line = (typeof first === 'string' ? first : first.join(' ')).replaceAll(/\s+/g, ' ').trim();
  const short = line.length > 40 ? `${line.slice(0, 39)}…` : line;
  return job.steps.length === 1 ? short : `${short} + ${job.steps.length - 1} more`;
}

const gateFacts = ({ gate, from }: PlannedGate, plan: Plan): string => {
  const jobs = [...new Set(plan.jobs.filter((job) => from.includes(job.name)).map((job) => job.job))];
  return `${policy(gate)}, from ${jobs.join(', ')}`;
};

function policy(gate: Gate): string {
  switch (gate.kind) {
    case 'tests':
      return `no failure, at least ${count(gate.minimum, 'test')}, at most ${formatBasisPoints(gate.maximumSkipped)} skipped`;
    case 'coverage':
      return `at least ${formatBasisPoints(gate.lines)} of the lines`;
    default:
      return assertNever(gate);
  }
}

function columns(rows: readonly Row[], width: number): readonly string[] {
  // The names get what they need, up to half of the line.
  const widest = Math.min(Math.floor(width / 2) - 4, Math.max(0, ...rows.map((row) => length(row.name))));
  return rows.map(({ name, facts }) => {
    const shownName = cut(name, Math.max(widest, 8));
    const pad = ' '.repeat(Math.max(0, widest - length(shownName)));
    return cut(`  ${shownName}${pad}   ${facts}`, width).trimEnd();
  });
}

const length = (line: string): number => Array.from(line).length;

const cut = (line: string, width: number): string =>
  length(line) <= width
    ? line
    : `${Array.from(line)
        .slice(0, width - 1)
        .join('')}…`;
