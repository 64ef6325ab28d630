import { SluiceError } from '#kernel';
import { explain, planJson, planTree, type Explanation } from '#plan';
import { flag, jsonOption, text, type Command } from '../command.ts';
import { noGateWarning, planProject } from '../planned-project.ts';
import { wrapped } from '../text.ts';

const command: Command = {
  name: 'plan',
  summary: 'show what would run, in which order, and why',
  usage: '[--pipeline <name>] [--explain <job>]',
  example: [
    'sluice plan',
    'exchange · default · 4 jobs, 2 gates',
    '',
    '  compile                tsc --noEmit · cached',
    '  ├─ unit                node --test … · cached · junit + lcov',
  ],
  options: {
    pipeline: { type: 'string', short: 'p', value: 'name', says: 'the pipeline to plan (default: default)' },
    explain: { type: 'string', value: 'job', says: 'say why a job runs and what needs it' },
    ...jsonOption,
  },
  words: [0, 0],
  run: async (invocation) => {
    const { terminal } = invocation;
    const { project, plan: made } = await planProject(invocation.world, text(invocation, 'pipeline'));
    const job = text(invocation, 'explain');
    if (job !== undefined) {
      const found = explain(made, job);
      if (!found.ok) throw new SluiceError('usage', found.error.message);
      if (flag(invocation, 'json')) terminal.json(found.value);
      else terminal.print(...explanation(found.value));
    } else if (flag(invocation, 'json')) {
      terminal.json(planJson(made));
    } else {
      terminal.print(...planTree(made, { width: terminal.width }));
      const warning = noGateWarning(project, made);
      if (warning !== undefined) terminal.print('', ...wrapped(`${terminal.symbol('warning')} ${warning}`, terminal.width, '  '));
    }
    return 0;
  },
};

export default command;

function explanation(found: Explanation): readonly string[] {
  const list = (names: readonly string[]): string => (names.length === 0 ? 'nothing' : names.join(', '));
  return [
    `${found.job} runs because ${found.because.length === 1 ? 'the pipeline asks for it' : found.because.slice(1).join(', which is needed by ') + ' needs it'}`,
    `  needs      ${list(found.needs)}`,
    `  needed by  ${list(found.neededBy)}`,
    `  judged by  ${list(found.judgedBy)}`,
  ];
}
