/** Commands per second through the real engine: its socket, its journal and its syncs, two thousand under way at once. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asLine, LineReader, type Command } from '../src/wire/index.ts';

const COMMANDS = 300_000;
const UNDER_WAY = 2000;

/** Two new orders away from the market, then a cancel of the second. */
function command(n: number): Command {
  if (n % 3 === 2) return { op: 'cancel', clientOrderId: `b-${n - 1}` };
  const side = n % 2 === 0 ? 'buy' : 'sell';
  const away = 1 + ((n * 7) % 40);
  return {
    op: 'new',
    clientOrderId: `b-${n}`,
    account: 'bench',
    side,
    type: 'limit',
    ticks: 10_000 + (side === 'buy' ? -away : away),
    lots: 5,
  };
}

const directory = mkdtempSync(join(tmpdir(), 'exchange-bench-'));
const main = join(import.meta.dirname, '..', 'src', 'engine', 'main.ts');
const engine = spawn(process.execPath, [main], { env: { PORT: '0', JOURNAL_DIR: directory }, stdio: ['ignore', 'pipe', 'inherit'] });
try {
  const [first] = (await once(engine.stdout, 'data')) as [Buffer];
  const { listening } = JSON.parse(first.toString()) as { readonly listening: string };
  const socket = connect({ port: Number(listening.split(':').at(-1)), noDelay: true }).setEncoding('utf8');
  const lines = new LineReader();
  let sent = 0;
  let answered = -1; // the greeting is no answer
  const started = performance.now();
  for await (const chunk of socket as AsyncIterable<string>) {
    answered += lines.read(chunk).length;
    if (answered >= COMMANDS) break;
    let batch = '';
    for (; sent < COMMANDS && sent - answered < UNDER_WAY; sent++) batch += asLine({ n: sent, command: command(sent) });
    if (batch !== '') socket.write(batch);
  }
  const seconds = (performance.now() - started) / 1000;
  console.log(
    JSON.stringify({
      name: 'engine/journaled-commands',
      operations: COMMANDS,
      seconds,
      perSecond: Math.round(COMMANDS / seconds),
      node: process.version,
    }),
  );
} finally {
  engine.kill('SIGTERM');
  await once(engine, 'exit');
  rmSync(directory, { recursive: true });
}
