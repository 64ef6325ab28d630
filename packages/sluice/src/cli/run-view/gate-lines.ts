import type { VerdictKind } from '#kernel';
import type { GateOutcome } from '#pipeline';
import type { Terminal } from '../terminal.ts';
import { cut, pad, wrapped } from '../text.ts';
import { nameWidth } from './job-line.ts';

/** A reason quotes what it found; no more of it than this. */
const longest = 400;

/** The gates of a run: what each says, and what to do where it could not decide. */
export function gateLines(terminal: Terminal, gates: readonly GateOutcome[]): readonly string[] {
  if (gates.length === 0) return [];
  const width = nameWidth(gates.map((gate) => gate.gate));
  const lines = gates.flatMap(({ gate, verdict }) => {
    const hint = verdict.kind === 'inconclusive' && verdict.hint !== undefined ? ` → ${verdict.hint}` : '';
    const text = cut(`${verdict.because}${hint}`, longest);
    // Why and what to do are never cut off for a narrow window; elsewhere a gate is one line.
    const [first = '', ...more] = terminal.live ? wrapped(text, Math.max(20, terminal.width - width - 8)) : [text];
    const indent = ' '.repeat(width + 6);
    return [`  ${terminal.symbol(verdict.kind)} ${pad(cut(gate, width), width)}  ${first}`, ...more.map((line) => `${indent}${line}`)];
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
