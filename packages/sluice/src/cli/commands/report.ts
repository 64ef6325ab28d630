import { formatDuration } from '#kernel';
import { flag, jsonOption, type Command } from '../command.ts';
import { gateLines, verdictLine } from '../run-view/gate-lines.ts';
import { failureTail, finishedLine, nameWidth } from '../run-view/job-line.ts';

const command: Command = {
  name: 'report',
  summary: 'show a run again: jobs, evidence, verdicts',
  usage: '[<run>]',
  example: [
    'sluice report',
    'exchange · default · 2026-11-21T09:30:00.000Z',
    '',
    '  ✔ unit      6.4s',
    '',
    '  gates',
    '  ✔ tests     412 of 412',
  ],
  options: { ...jsonOption },
  words: [0, 1],
  run: async (invocation) => {
    const { terminal, world } = invocation;
    const project = await world.loadProject();
    if (!project.ok) throw project.error;
    const stored = await (await world.runMachine()).storedRun(project.value.folder, invocation.words[0]);
    if (flag(invocation, 'json')) {
      terminal.json(stored);
      return 0;
    }
    const { record, judged } = stored;
    const width = nameWidth(Object.keys(record.jobs));
    terminal.print(
      `${terminal.style('bold', record.delivery)} · ${record.pipeline} · ${record.commit === 'no-commit' ? 'no commit' : record.commit.slice(0, 7)} · ${record.startedAt}`,
      '',
    );
    for (const [name, result] of Object.entries(record.jobs))
      terminal.print(finishedLine(terminal, name, result, width), ...failureTail(terminal, result));
    if (record.state.kind === 'running') {
      terminal.print('', `${terminal.symbol('inconclusive')} this run has no end: it still works, or it was killed`);
    } else if (judged === undefined) {
      terminal.print('', `${terminal.symbol('inconclusive')} ended ${record.state.outcome} and was not judged`);
    } else {
      const facts = { because: judged.because, took: formatDuration(record.state.durationMs), runId: record.runId };
      terminal.print(...gateLines(terminal, judged.gates), ...verdictLine(terminal, judged.verdict, facts));
    }
    terminal.print(terminal.style('gray', `  logs and reports: ${stored.folder}`));
    return 0;
  },
};

export default command;
