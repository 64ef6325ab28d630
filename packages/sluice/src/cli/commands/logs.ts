import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { SluiceError } from '#kernel';
import type { Slot } from '#rollout';
import { flag, text, type Command } from '../command.ts';
import { environmentOption, stateOption } from '../options.ts';
import { chosenService } from '../service-key.ts';
import type { Terminal } from '../terminal.ts';

/** How much of a log is read from its end, in bytes. */
const tailBytes = 64 * 1024;
/** How often a followed log is looked at, in milliseconds. */
const lookEvery = 200;

const command: Command = {
  name: 'logs',
  summary: 'show what the instances of a service print',
  usage: '<service> [--slot blue|green] [--follow]',
  example: ['sluice logs api --slot green', '── api.green.0.log', '{"service":"api","version":"v1.1.0","listening":"127.0.0.1:18022"}'],
  options: {
    ...environmentOption,
    slot: { type: 'string', value: 'slot', says: 'only this slot: blue or green' },
    lines: { type: 'string', short: 'n', value: 'n', says: 'lines from the end (default: 40)' },
    follow: { type: 'boolean', short: 'f', says: 'go on until Ctrl-C' },
    ...stateOption,
  },
  words: [1, 1],
  run: async (invocation) => {
    const { terminal, world } = invocation;
    const plane = await world.controlPlane(text(invocation, 'state'));
    const key = await chosenService(plane, invocation.words[0] ?? '', text(invocation, 'environment'));
    const asked = text(invocation, 'slot');
    if (asked !== undefined && asked !== 'blue' && asked !== 'green')
      throw new SluiceError('usage', `--slot: blue or green, not "${asked}"`);
    const slots: readonly Slot[] = asked === undefined ? ['blue', 'green'] : [asked];
    const files = (await Promise.all(slots.map(async (slot) => plane.logFiles(key, slot)))).flat();
    if (files.length === 0) throw new SluiceError('notFound', `${key} has printed nothing yet`);
    const wanted = text(invocation, 'lines') ?? '40';
    const count = Number(wanted);
    if (wanted === '' || !Number.isInteger(count) || count < 0)
      throw new SluiceError('usage', `--lines: expected a whole number, got "${wanted}"`);
    const ends = new Map<string, number>();
    for (const file of files) ends.set(file, await showTail(terminal, file, count));
    const looking = AbortSignal.any([world.interrupt, terminal.closed]);
    while (flag(invocation, 'follow') && !looking.aborted) {
      for (const [file, from] of ends) ends.set(file, await showRest(terminal, file, from));
      await world.clock.sleep(lookEvery, looking).catch(() => undefined);
    }
    return 0;
  },
};

export default command;

async function showTail(terminal: Terminal, path: string, count: number): Promise<number> {
  await using file = await open(path);
  const { size } = await file.stat();
  const from = Math.max(0, size - tailBytes);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from);
  const lines = buffer.toString('utf8', 0, bytesRead).trimEnd().split('\n');
  terminal.print(terminal.style('gray', `── ${basename(path)}`), ...lines.slice(count === 0 ? lines.length : -count));
  return from + bytesRead;
}

async function showRest(terminal: Terminal, path: string, from: number): Promise<number> {
  await using file = await open(path);
  const { size } = await file.stat();
  if (size <= from) return size < from ? 0 : from;
  const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from);
  terminal.text(buffer.toString('utf8', 0, bytesRead));
  return from + bytesRead;
}
