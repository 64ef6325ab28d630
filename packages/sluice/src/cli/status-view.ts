import { formatBasisPoints, formatBytes, shortDigest, visibleLines, visibleText } from '#kernel';
import type { SlotWire, StatusWire } from '#server';
import type { Terminal } from './terminal.ts';
import { columnsOf, count, cut, pad, padLeft, wrapped } from './text.ts';

/** Error share of the new slot at which the line gets a warning sign, beside a p99 of twice the other slot's. */
const worthAWarning = 0.01;

/** A version that names a commit is longer than this; its beginning tells it apart. */
const widestVersion = 18;

/** One service as lines: what is live, both slots side by side, and how far the rollout is. */
export function statusLines(terminal: Terminal, status: StatusWire, rates: Readonly<Record<string, number>> = {}): readonly string[] {
  return [
    title(terminal, status),
    '',
    ...status.slots.flatMap((slot) => slotLines(terminal, slot, status, rates[slot.slot])),
    ...rolloutLines(terminal, status),
    ...waitingLines(terminal, status),
    ...warningLines(terminal, status),
  ].flatMap((line) => (columnsOf(line) <= terminal.width ? [line] : wrapped(line, terminal.width, hanging(line))));
}

/** Later pieces of a long line stand below its first word. */
const hanging = (line: string): string => ' '.repeat(Math.min(6, line.length - line.trimStart().length + 2));

function title(terminal: Terminal, status: StatusWire): string {
  const { live, rollout } = status;
  const name = terminal.style('bold', `${status.service} → ${status.environment}`);
  const at = status.listen === undefined ? '' : `   ${status.listen}`;
  const release =
    live === undefined ? 'nothing live' : `live ${live.version}${rollout === undefined ? ` (${shortDigest(live.release)})` : ''}`;
  return `${name}${at}   ${release}${rollout === undefined ? '' : `   rolling out ${rollout.version}: ${rollout.detail}`}`;
}

function slotLines(terminal: Terminal, slot: SlotWire, status: StatusWire, perSecond: number | undefined): readonly string[] {
  if (slot.version === undefined) return [`  ${pad(slot.slot, 6)} ${terminal.style('gray', 'empty')}`];
  const other = status.slots.find((each) => each.slot !== slot.slot);
  const share = slot.answers === 0 ? 0 : slot.errors / slot.answers;
  const slow = slot.p99 !== undefined && other?.p99 !== undefined && slot.weightBasisPoints > 0 && slot.p99 > 2 * other.p99;
  const mark = (is: boolean): string => (is ? terminal.symbol('warning') : ' ');
  const versions = status.slots.map((each) => columnsOf(each.version ?? ''));
  const name = `  ${pad(slot.slot, 6)} ${pad(cut(slot.version, widestVersion), Math.min(widestVersion, Math.max(...versions)))}`;
  const traffic = [
    padLeft(formatBasisPoints(slot.weightBasisPoints), 7),
    ...(perSecond === undefined ? [] : [padLeft(`${Math.round(perSecond)}/s`, 7)]),
  ];
  const used = Math.max(0, ...slot.instances.map(({ memoryBytes = 0 }) => memoryBytes));
  const times = [
    ...(used === 0 ? [] : [padLeft(formatBytes(used), 8)]),
    `p50 ${latency(slot.p50)}`,
    `p99 ${latency(slot.p99)} ${mark(slow)}`,
  ];
  const errors = `errors ${(share * 100).toFixed(2)} % ${mark(share > worthAWarning)}`;
  const facts = [...traffic, ...times, errors].join('  ');
  // In a narrow window what people decide by stays whole: a second line is better than a number that is cut.
  if (columnsOf(name) + 2 + columnsOf(facts) > terminal.width) {
    return [`${name}  ${[...traffic, errors].join('  ')}`.trimEnd(), `         ${times.join('  ')}`.trimEnd()];
  }
  // What is left of the line is for the bar; numbers matter more.
  const room = Math.min(38, terminal.width - columnsOf(name) - columnsOf(facts) - 4);
  const bar = room < 6 ? '' : `${terminal.style(slot.slot === 'blue' ? 'blue' : 'green', barOf(slot.weightBasisPoints, room))}  `;
  return [`${name}  ${bar}${facts}`.trimEnd()];
}

const latency = (microseconds: number | undefined): string =>
  padLeft(microseconds === undefined ? '-' : `${(microseconds / 1_000).toFixed(microseconds < 10_000 ? 2 : 1)} ms`, 8);

function barOf(basisPoints: number, width: number): string {
  const filled = basisPoints === 0 ? 0 : Math.max(1, Math.round((basisPoints / 10_000) * width));
  return '█'.repeat(filled) + ' '.repeat(width - filled);
}

function rolloutLines(terminal: Terminal, status: StatusWire): readonly string[] {
  const { rollout } = status;
  if (rollout === undefined) return [];
  const steps = rollout.phases.map((phase) => {
    const name = phase.weightBasisPoints === undefined ? phase.kind : `${phase.kind} ${formatBasisPoints(phase.weightBasisPoints)}`;
    const sign = { waiting: 'waiting', running: 'running', done: 'pass', failed: 'fail' } as const;
    const time = phase.began === undefined ? '' : `${clock(phase.began)} `;
    return `${time}${name} ${terminal.symbol(sign[phase.state])}`;
  });
  const awaited = rollout.awaits === undefined ? [] : [`  ${terminal.symbol('waiting')} ${visibleText(rollout.awaits)}`];
  return ['', ...rowsOf(steps, terminal.width - 2).map((line) => `  ${line}`), ...awaited];
}

/** What has moved nothing yet: for whom it waits, since when, who asked, and how to go on or to end it. And how the last one ended, if not well. */
function waitingLines(terminal: Terminal, { waiting, last }: StatusWire): readonly string[] {
  const lines: string[] = [];
  if (waiting !== undefined) {
    const what = visibleText(waiting.version ?? waiting.wanted);
    const ways = [...(waiting.missing.length > 0 ? [`sluice approve ${waiting.deployment}`] : []), `sluice cancel ${waiting.deployment}`];
    lines.push(
      `  ${terminal.symbol(waiting.missing.length > 0 ? 'held' : 'waiting')} ${what}: ${visibleText(waiting.detail)}`,
      `    since ${minuteOf(waiting.since)}, asked for by ${visibleText(waiting.by)} → ${ways.join('; ')}`,
    );
  }
  if (last !== undefined)
    lines.push(
      `  ${terminal.symbol('fail')} ${minuteOf(last.at)}: ${visibleText(last.detail)} → sluice ledger timeline ${last.deployment}`,
    );
  return lines.length === 0 ? [] : ['', ...lines];
}

/** `2026-12-01 04:10 UTC`: the same for everybody who compares notes. */
const minuteOf = (instant: string): string => `${instant.slice(0, 16).replace('T', ' ')} UTC`;

/** `0:08.4`: minutes, seconds and tenths since the start. */
function clock(ms: number): string {
  const tenths = Math.floor(ms / 100);
  return `${Math.floor(tenths / 600)}:${String(Math.floor((tenths % 600) / 10)).padStart(2, '0')}.${tenths % 10}`;
}

function rowsOf(items: readonly string[], width: number): readonly string[] {
  const lines: string[] = [];
  for (const item of items) {
    const last = lines.at(-1);
    const joined = `${last ?? ''}   ${item}`;
    if (last !== undefined && columnsOf(joined) <= width) lines[lines.length - 1] = joined;
    else lines.push(item);
  }
  return lines;
}

/** How often it was started again, how it ended the last time, and what it said then: the cause before anything that was counted. */
function instanceLines(terminal: Terminal, instance: SlotWire['instances'][number]): readonly string[] {
  const { name, state, restarts, note, exit, lastLines = [] } = instance;
  const again = restarts > 0 ? ` after ${count(restarts, 'restart')}` : '';
  const why = exit === undefined ? (note === undefined ? '' : `: ${visibleText(note)}`) : `: its process ended with ${visibleText(exit)}`;
  const said = lastLines.filter((line) => line.trim() !== '').flatMap((line) => visibleLines(line, { lines: 1, characters: 200 }));
  return [`${terminal.symbol('warning')} ${name} is ${state}${again}${why}`, ...said.map((line) => `    ${terminal.style('gray', line)}`)];
}

function warningLines(terminal: Terminal, status: StatusWire): readonly string[] {
  const { router } = status;
  const lines: string[] = [];
  // Before its first deployment the router does not know a service: nothing is wrong.
  const neverDeployed = !router.reachable && router.message === 'unknown-service' && status.live === undefined;
  if (neverDeployed) return [];
  if (!router.reachable) lines.push(`${terminal.symbol('warning')} the router cannot be reached: ${router.message}`);
  else if (router.latch !== undefined)
    lines.push(
      `${terminal.symbol('held')} reverted by ${visibleText(router.latch.by)}: ${visibleText(router.latch.reason)}; only a new rollout moves weight again`,
    );
  if (status.pendingReverts > 0)
    lines.push(
      `${terminal.symbol('warning')} ${status.pendingReverts} revert${status.pendingReverts === 1 ? ' is' : 's are'} not in the record yet`,
    );
  for (const slot of status.slots) {
    for (const instance of slot.instances) {
      if (instance.state !== 'healthy' || instance.restarts > 0) lines.push(...instanceLines(terminal, instance));
    }
  }
  return lines.length === 0 ? [] : ['', ...lines.map((line) => `  ${line}`)];
}
