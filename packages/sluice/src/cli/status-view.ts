import { formatBasisPoints, shortDigest } from '#kernel';
import type { SlotWire, StatusWire } from '#server';
import type { Terminal } from './terminal.ts';
import { columnsOf, count, cut, pad, padLeft } from './text.ts';

/** Error share of the new slot at which the line gets a warning sign, beside a p99 of twice the other slot's. */
const worthAWarning = 0.01;

/** A version that names a commit is longer than this; its beginning tells it apart. */
const widestVersion = 18;

/** One service as lines: what is live, both slots side by side, and how far the rollout is. */
export function statusLines(terminal: Terminal, status: StatusWire, rates: Readonly<Record<string, number>> = {}): readonly string[] {
  return [
    title(terminal, status),
    '',
    ...status.slots.map((slot) => slotLine(terminal, slot, status, rates[slot.slot])),
    ...rolloutLines(terminal, status),
    ...warningLines(terminal, status),
  ];
}

function title(terminal: Terminal, status: StatusWire): string {
  const { live, rollout } = status;
  const name = terminal.style('bold', `${status.service} → ${status.environment}`);
  const at = status.listen === undefined ? '' : `   ${status.listen}`;
  const release =
    live === undefined ? 'nothing live' : `live ${live.version}${rollout === undefined ? ` (${shortDigest(live.release)})` : ''}`;
  return `${name}${at}   ${release}${rollout === undefined ? '' : `   rolling out ${rollout.version}: ${rollout.detail}`}`;
}

function slotLine(terminal: Terminal, slot: SlotWire, status: StatusWire, perSecond: number | undefined): string {
  if (slot.version === undefined) return `  ${pad(slot.slot, 6)} ${terminal.style('gray', 'empty')}`;
  const other = status.slots.find((each) => each.slot !== slot.slot);
  const share = slot.answers === 0 ? 0 : slot.errors / slot.answers;
  const slow = slot.p99 !== undefined && other?.p99 !== undefined && slot.weightBasisPoints > 0 && slot.p99 > 2 * other.p99;
  const mark = (is: boolean): string => (is ? terminal.symbol('warning') : ' ');
  const versions = status.slots.map((each) => columnsOf(each.version ?? ''));
  const name = `  ${pad(slot.slot, 6)} ${pad(cut(slot.version, widestVersion), Math.min(widestVersion, Math.max(...versions)))}`;
  const facts = [
    padLeft(formatBasisPoints(slot.weightBasisPoints), 7),
    ...(perSecond === undefined ? [] : [padLeft(`${Math.round(perSecond)}/s`, 7)]),
    `p50 ${latency(slot.p50)}`,
    `p99 ${latency(slot.p99)} ${mark(slow)}`,
    `errors ${(share * 100).toFixed(2)} % ${mark(share > worthAWarning)}`,
  ].join('  ');
  // What is left of the line is for the bar; numbers matter more.
  const room = Math.min(38, terminal.width - columnsOf(name) - columnsOf(facts) - 4);
  const bar = room < 6 ? '' : `${terminal.style(slot.slot === 'blue' ? 'blue' : 'green', barOf(slot.weightBasisPoints, room))}  `;
  return `${name}  ${bar}${facts}`.trimEnd();
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
  return ['', ...wrapped(steps, terminal.width - 2).map((line) => `  ${line}`)];
}

/** `0:08.4`: minutes, seconds and tenths since the start. */
function clock(ms: number): string {
  const tenths = Math.floor(ms / 100);
  return `${Math.floor(tenths / 600)}:${String(Math.floor((tenths % 600) / 10)).padStart(2, '0')}.${tenths % 10}`;
}

function wrapped(items: readonly string[], width: number): readonly string[] {
  const lines: string[] = [];
  for (const item of items) {
    const last = lines.at(-1);
    const joined = `${last ?? ''}   ${item}`;
    if (last !== undefined && columnsOf(joined) <= width) lines[lines.length - 1] = joined;
    else lines.push(item);
  }
  return lines;
}

function warningLines(terminal: Terminal, status: StatusWire): readonly string[] {
  const { router } = status;
  const lines: string[] = [];
  // Before its first deployment the router does not know a service: nothing is wrong.
  const neverDeployed = !router.reachable && router.message === 'unknown-service' && status.live === undefined;
  if (neverDeployed) return [];
  if (!router.reachable) lines.push(`${terminal.symbol('warning')} the router cannot be reached: ${router.message}`);
  else if (router.latch !== undefined)
    lines.push(`${terminal.symbol('held')} reverted by ${router.latch.by}: ${router.latch.reason}; only a new rollout moves weight again`);
  if (status.pendingReverts > 0)
    lines.push(
      `${terminal.symbol('warning')} ${status.pendingReverts} revert${status.pendingReverts === 1 ? ' is' : 's are'} not in the record yet`,
    );
  for (const slot of status.slots) {
    for (const instance of slot.instances) {
      if (instance.state !== 'healthy' || instance.restarts > 0)
        lines.push(
          `${terminal.symbol('warning')} ${instance.name} is ${instance.state}${instance.restarts > 0 ? ` after ${count(instance.restarts, 'restart')}` : ''}${instance.note === undefined ? '' : `: ${instance.note}`}`,
        );
    }
  }
  return lines.length === 0 ? [] : ['', ...lines.map((line) => `  ${line}`)];
}
