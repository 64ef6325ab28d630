import { assertNever, formatDuration } from '#kernel';
import { describeFailure, type JobResult } from '#run';
import type { Terminal } from '../terminal.ts';
import { columnsOf, cut, pad } from '../text.ts';

/** The widest job name that gets a column of its own; a longer one is cut. */
const widestName = 32;

/** The width of the name column for these jobs. */
export const nameWidth = (names: readonly string[]): number => Math.min(widestName, Math.max(8, ...names.map((name) => columnsOf(name))));

/** One line for a job that ended: symbol, name, time, and what is worth knowing. */
export function finishedLine(terminal: Terminal, name: string, result: JobResult, width: number): string {
  const { symbol, time, note } = facts(result);
  const room = terminal.width - width - 16;
  const text = note === '' ? '' : `   ${cut(note.split('\n')[0] ?? '', Math.max(20, room))}`;
  return `  ${terminal.symbol(symbol)} ${pad(cut(name, width), width)}  ${pad(time, 7)}${text}`.trimEnd();
}

type Facts = { readonly symbol: Parameters<Terminal['symbol']>[0]; readonly time: string; readonly note: string };

function facts(result: JobResult): Facts {
  switch (result.kind) {
    case 'passed': {
      const tries = result.attempts.length;
      return {
        symbol: tries > 1 ? 'warning' : 'pass',
        time: formatDuration(result.durationMs),
        note: tries > 1 ? `passed only on attempt ${tries}` : '',
      };
    }
    case 'cached':
      return { symbol: 'cached', time: '-', note: `same inputs as run ${result.from.runId}` };
    case 'confirmed':
      return { symbol: 'pass', time: '-', note: result.because };
    case 'failed':
      return { symbol: 'fail', time: formatDuration(result.durationMs), note: describeFailure(result.failure) };
    case 'skipped':
      return { symbol: 'skipped', time: '-', note: result.because };
    case 'cancelled':
      return { symbol: 'skipped', time: '-', note: `cancelled: ${result.because}` };
    case 'unknown-effect':
      return { symbol: 'inconclusive', time: '-', note: result.because };
    default:
      return assertNever(result);
  }
}

/** The end of the log of a job that failed, indented below it. */
export function failureTail(terminal: Terminal, result: JobResult): readonly string[] {
  if (result.kind !== 'failed') return [];
  const lines = result.tail
    .trimEnd()
    .split('\n')
    .filter((line) => line !== '');
  return lines.slice(-12).map((line) => `      ${terminal.style('gray', cut(line, terminal.width - 6))}`);
}
