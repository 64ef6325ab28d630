import type { VerdictKind } from '#kernel';
import type { GateOutcome } from '#pipeline';
import type { Terminal } from '../terminal.ts';
import { cut, pad } from '../text.ts';
import { nameWidth } from './job-line.ts';

/** The gates of a run: what each says, and what to do where it could not decide. */
export function gateLines(terminal: Terminal, gates: readonly GateOutcome[]): readonly string[] {
  if (gates.length === 0) return [];
  const width = nameWidth(gates.map((gate) => gate.gate));
  const lines = gates.map(({ gate, verdict }) => {
    const hint = verdict.kind === 'inconclusive' && verdict.hint !== undefined ? ` → ${verdict.hint}` : '';
    const room = terminal.live ? terminal.width - width - 8 : 400;
    return `  ${terminal.symbol(verdict.kind)} ${pad(cut(gate, width), width)}  ${cut(`${verdict.because}${hint}`, room)}`;
  });
  return ['', `  ${terminal.style('bold', 'gates')}`, ...lines];
}

/** The last line of a run: its verdict, and where to look again. */
export function verdictLine(
  terminal: Terminal,
  verdict: VerdictKind,
  facts: { readonly because: string; readonly took: string; readonly runId: string },
): readonly string[] {
  const style = { pass: 'green', fail: 'red', inconclusive: 'yellow' } as const;
  const word = terminal.style(['bold', style[verdict]], verdict);
  const reason = verdict === 'pass' ? '' : `: ${facts.because}`;
  return [
    '',
    `${terminal.symbol(verdict)} ${word} in ${facts.took}${reason}`,
    terminal.style('gray', `  run ${facts.runId}   sluice report ${facts.runId}`),
  ];
}
