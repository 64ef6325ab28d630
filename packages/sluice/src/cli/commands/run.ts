import { availableParallelism } from 'node:os';
import { own, formatDuration, SluiceError } from '#kernel';
import { runPipeline, type PipelineOutcome } from '#pipeline';
import type { Plan } from '#plan';
import { flag, jsonOption, text, texts, type Command, type Invocation } from '../command.ts';
import { noGateWarning, planProject } from '../planned-project.ts';
import type { RunMachine } from '../run-machine.ts';
import { stopCode } from '../interruption.ts';
import { gateLines, verdictLine } from '../run-view/gate-lines.ts';
import { RunView } from '../run-view/run-view.ts';
import { count, wrapped } from '../text.ts';
import type { Project } from '../world.ts';

const exitCodes = { pass: 0, fail: 1, inconclusive: 3 } as const;

const command: Command = {
  name: 'run',
  summary: 'run the pipeline here and judge its evidence',
  usage: '[--pipeline <name>] [--keep-going]',
  example: ['sluice run', '  ✔ compile   2.1s', '  ✔ unit      6.4s', '', '  gates', '  ✔ tests     412 of 412', '', '✔ pass in 8.7s'],
  options: {
    pipeline: { type: 'string', short: 'p', value: 'name', says: 'the pipeline to run (default: default)' },
    parallel: { type: 'string', short: 'j', value: 'n', says: 'jobs at a time (default: one for each processor)' },
    'keep-going': { type: 'boolean', short: 'k', says: 'after a failure run what does not depend on it' },
    cache: { type: 'boolean', says: '--no-cache runs every job' },
    sandbox: {
      type: 'string',
      bare: 'best',
      value: 'kind',
      says: 'run jobs behind walls: bubblewrap, namespaces, or the better of the two that works here',
    },
    'effect-done': { type: 'string', multiple: true, value: 'job', says: 'this job of unknown end has had its effect: go on' },
    'effect-repeat': { type: 'string', multiple: true, value: 'job', says: 'this job of unknown end shall run again' },
    ...jsonOption,
  },
  words: [0, 0],
  verdict: true,
  run: async (invocation) => {
    const { world } = invocation;
    const [planned, machine] = await Promise.all([planProject(world, text(invocation, 'pipeline')), world.runMachine()]);
    const parallel = parallelism(text(invocation, 'parallel'));
    const secrets = secretsOf(planned.plan, world.env);
    const { outcome } = await runHere(invocation, { ...planned, machine, parallel, secrets });
    if (flag(invocation, 'json')) invocation.terminal.json(outcomeJson(outcome));
    return stopCode(world.asked) ?? exitCodes[outcome.verdict];
  },
};

export default command;

type Order = {
  readonly project: Project;
  readonly plan: Plan;
  readonly machine: RunMachine;
  readonly parallel: number;
  readonly secrets: Readonly<Record<string, string>>;
};

async function runHere(invocation: Invocation, order: Order): Promise<{ readonly outcome: PipelineOutcome }> {
  const { terminal, world } = invocation;
  const { project, plan, machine } = order;
  const json = flag(invocation, 'json');
  const commit = await machine.commit(project.folder);
  const runId = world.ids.next();
  const view = new RunView(terminal, world.clock);
  const show = json ? () => undefined : view.onEvent;
  const warning = noGateWarning(project, plan);
  const warned = warning === undefined ? [] : [...wrapped(`  ${terminal.symbol('warning')} ${warning}`, terminal.width, '    '), ''];
  if (!json) terminal.print(header(invocation, plan, commit, order.parallel), '', ...warned);
  world.interrupt.addEventListener('abort', () => (json ? undefined : view.stopping()), { once: true });
  await using open = await machine.open({
    folder: project.folder,
    runId,
    secrets: order.secrets,
    cache: invocation.values['cache'] === false ? 'ignore' : 'use',
    sandbox: sandboxOf(text(invocation, 'sandbox')),
    signal: world.interrupt,
    force: world.force,
    onWaiting: (holder) => show({ type: 'run.waiting', at: 0, for: holder }),
    onLeftovers: (dead, processes) => show({ type: 'run.leftovers-ended', at: 0, runId: dead, processes }),
  });
  if (open.isolation === 'none') {
    const walled = plan.jobs.filter((job) => job.network !== undefined && job.network !== 'full').map((job) => job.name);
    // Said on standard error, so that it is seen beside a document too.
    if (walled.length > 0)
      terminal.note(
        `${terminal.symbol('warning')} without --sandbox nothing keeps ${walled.join(', ')} from the network, as the definition wants it`,
      );
  }
  const outcome = await runPipeline(plan, open.ports, {
    runId,
    commit: commit?.sha ?? 'no-commit',
    parallel: order.parallel,
    onFailure: flag(invocation, 'keep-going') ? 'keep-going' : 'fail-fast',
    secrets: order.secrets,
    effectDecisions: decisions(invocation, plan),
    output: 'file',
    isolation: open.isolation,
    signal: world.interrupt,
    onEvent: show,
  });
  await machine.keepOutcome(outcome.run.folder, outcome);
  if (!json) {
    const facts = { because: outcome.because, took: formatDuration(outcome.run.durationMs), runId };
    terminal.print(...gateLines(terminal, outcome.gates), ...verdictLine(terminal, outcome.verdict, facts));
  }
  return { outcome };
}

function header(
  invocation: Invocation,
  plan: Plan,
  commit: { readonly sha: string; readonly subject: string } | undefined,
  parallel: number,
): string {
  const { terminal } = invocation;
  const at = commit === undefined ? [] : [`${commit.sha.slice(0, 7)} "${commit.subject}"`];
  return [terminal.style('bold', plan.delivery), plan.pipeline, ...at, count(plan.jobs.length, 'job'), `${parallel} at a time`].join(' · ');
}

/** Values of all secrets that the plan names, checked before anything starts. */
function secretsOf(plan: Plan, env: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> {
  const names = [...new Set(plan.jobs.flatMap((job) => job.secrets))];
  const missing = names.filter((name) => (own(env, name) ?? '') === '');
  if (missing.length > 0) {
    throw new SluiceError('config', `${count(missing.length, 'secret')} not set: ${missing.join(', ')}`, {
      hint: 'put them into the environment of this command',
    });
  }
  return Object.fromEntries(names.map((name) => [name, own(env, name) ?? '']));
}

function parallelism(asked: string | undefined): number {
  if (asked === undefined) return availableParallelism();
  const n = Number(asked);
  if (!Number.isInteger(n) || n < 1 || n > 1_024)
    throw new SluiceError('usage', `--parallel: expected a number from 1 to 1024, got "${asked}"`);
  return n;
}

const sandboxes = ['best', 'bubblewrap', 'namespaces', 'none'] as const;

function sandboxOf(asked: string | undefined): (typeof sandboxes)[number] {
  const known = sandboxes.find((each) => each === (asked ?? 'none'));
  if (known === undefined) throw new SluiceError('usage', `--sandbox: expected ${sandboxes.join(', ')}, got "${asked ?? ''}"`);
  return known;
}

function decisions(invocation: Invocation, plan: Plan): NonNullable<Parameters<typeof runPipeline>[2]['effectDecisions']> {
  const known = plan.jobs.filter((job) => job.effect).map((job) => job.name);
  const chosen = [
    ...texts(invocation, 'effect-done').map((job) => [job, 'done'] as const),
    ...texts(invocation, 'effect-repeat').map((job) => [job, 'repeat'] as const),
  ];
  const stranger = chosen.find(([job]) => !known.includes(job));
  if (stranger !== undefined)
    throw new SluiceError('usage', `no job "${stranger[0]}" with an effect outside in this plan`, {
      hint: known.length === 0 ? 'no job of it is marked effect: true' : `there are: ${known.join(', ')}`,
    });
  return Object.fromEntries(chosen);
}

/** A run as a document; `version` rises when a reader must change. */
function outcomeJson(outcome: PipelineOutcome): unknown {
  const { run, gates, verdict, because } = outcome;
  return {
    version: 1,
    run: run.runId,
    folder: run.folder,
    verdict,
    because,
    durationMs: Math.round(run.durationMs),
    jobs: Object.fromEntries(run.jobs),
    gates,
  };
}
