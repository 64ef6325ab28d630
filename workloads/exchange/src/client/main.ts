/** The load of the demo: `node src/client/main.ts --url http://127.0.0.1:8080 --rate 1000 --log client.ndjson`. */
import { parseArgs } from 'node:util';
import { OpenLoop } from './open-loop.ts';
import { OrderFlow } from './order-flow.ts';
import { RequestLog } from './request-log.ts';

const USAGE =
  'usage: node src/client/main.ts --url http://host:port --log FILE [--rate PER_SECOND] [--duration SECONDS] [--seed N] [--prefix TEXT]';

type Options = {
  readonly url: URL;
  readonly log: string;
  readonly rate: number;
  readonly durationS: number;
  readonly seed: number;
  readonly prefix: string;
};

function readOptions(args: readonly string[]): Options {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: { url: text, log: text, rate: text, duration: text, seed: text, prefix: text },
  });
  const url = URL.parse(values.url ?? '');
  if (url?.protocol !== 'http:') throw new Error(`--url: expected http://host:port, got "${values.url ?? ''}"`);
  if (values.log === undefined) throw new Error('--log: is required');
  const seed = positive('--seed', values.seed ?? '1');
  const prefix = values.prefix ?? `c${seed}`;
  if (!/^[\w.:-]{1,40}$/.test(prefix)) throw new Error(`--prefix: expected 1 to 40 letters, digits or . : _ -, got "${prefix}"`);
  const durationS = values.duration === undefined ? Number.POSITIVE_INFINITY : positive('--duration', values.duration);
  return { url, log: values.log, rate: positive('--rate', values.rate ?? '1000'), durationS, seed, prefix };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new Error(`${name}: expected a number above 0, got "${text}"`);
}

async function main(): Promise<void> {
  const { url, log: path, rate, durationS, seed, prefix } = readOptions(process.argv.slice(2));
  const log = await RequestLog.open(path);
  const load = new OpenLoop({ url, rate, durationS }, new OrderFlow(seed, prefix), log);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => load.stop());
  let second = 0;
  const progress = setInterval(() => console.log(JSON.stringify({ t: ++second, ...load.takeSecond() })), 1000);
  const total = await load.run();
  clearInterval(progress);
  await log.close();
  console.log(JSON.stringify({ final: true, ...total }));
}

try {
  await main();
} catch (error) {
  console.error(`client: ${error instanceof Error ? error.message : String(error)}; ${USAGE}`);
  process.exitCode = 2;
}
