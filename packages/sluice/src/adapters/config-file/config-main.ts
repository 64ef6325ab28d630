import { writeSync } from 'node:fs';
import { SluiceError, toWireError } from '#kernel';
import { readConfig } from './config-module.ts';
import { answerFd, type ChildAnswer } from './child-answer.ts';

/** Reads the configuration of the folder named by the first argument and answers on a descriptor of its own: the configuration may print. */
async function answer(folder: string): Promise<ChildAnswer> {
  const loaded = await readConfig(folder, (url) => import(url));
  if (!loaded.ok) return { kind: 'refused', error: loaded.error.toWire() };
  return { kind: 'loaded', config: loaded.value };
}

function send(message: ChildAnswer): void {
  const bytes = Buffer.from(JSON.stringify(message, onlyData));
  for (let at = 0; at < bytes.length;) at += writeSync(answerFd, bytes, at);
}

/** JSON leaves functions out and makes null of NaN: a definition that loses something on its way must not look like one that never had it. */
function onlyData(this: unknown, key: string, value: unknown): unknown {
  const right = typeof value === 'number' ? Number.isFinite(value) : !['function', 'symbol', 'bigint'].includes(typeof value);
  if (!right) throw new SluiceError('config', `sluice.config: "${key}" is ${String(value).slice(0, 40)}, which is no data`);
  return value;
}

const answered = await answer(process.argv[2] ?? '.');
try {
  send(answered);
} catch (error) {
  const wire = toWireError(error);
  send({ kind: 'refused', error: { ...wire, code: 'config' } });
}
// The configuration may have left timers or sockets behind; nobody needs them now.
process.exit(0);
