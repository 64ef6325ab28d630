import { spawn, type ChildProcess } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { exitOf } from './sluice-process.ts';

/** One second of the client, as it prints it. */
const second = z.looseObject({
  sent: z.number(),
  ok: z.number(),
  faulty: z.number(),
  transportFailures: z.number(),
  acknowledged: z.number(),
  p50us: z.number(),
  p99us: z.number(),
});
export type Second = z.infer<typeof second>;

/** Orders, cancels and queries on a fixed schedule, whatever the service does; no retries. The client is the exchange's own. */
export class Traffic {
  readonly logFile: string;
  readonly #child: ChildProcess;
  #last: Second | undefined;
  #acknowledged = 0;

  constructor(order: {
    readonly repository: string;
    readonly folder: string;
    readonly url: string;
    readonly rate: number;
    readonly env: NodeJS.ProcessEnv;
  }) {
    this.logFile = join(order.folder, 'client.ndjson');
    // In a session of its own: Ctrl-C is for the demo, which lets the client end its requests first.
    const child = spawn(process.execPath, ['src/client/main.ts', '--url', order.url, '--rate', String(order.rate), '--log', this.logFile], {
      cwd: order.repository,
      env: order.env,
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    });
    this.#child = child;
    createInterface({ input: child.stdout }).on('line', (line) => {
      const parsed = second.safeParse(parse(line));
      if (!parsed.success) return;
      this.#last = parsed.data;
      this.#acknowledged += parsed.data.acknowledged;
    });
  }

  get last(): Second | undefined {
    return this.#last;
  }

  /** Orders acknowledged so far, as the client counts them once a second. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Lets every request end, then the client. */
  async stop(): Promise<number> {
    if (this.running) this.#child.kill('SIGTERM');
    return exitOf(this.#child);
  }
}

/** What a client's log tells of faults: how many, from which version, and the time from the first faulty answer to the last one. */
export async function faultsOf(
  logFile: string,
  version: string,
): Promise<{ readonly fromVersion: number; readonly elsewhere: number; readonly fromFirstToLastMs: number }> {
  let fromVersion = 0;
  let elsewhere = 0;
  let first = Number.POSITIVE_INFINITY;
  let last = 0;
  for await (const line of createInterface({ input: createReadStream(logFile) })) {
    const record = answer.safeParse(parse(line));
    if (!record.success || record.data.status < 500) continue;
    if (record.data.version !== version) {
      elsewhere += 1;
      continue;
    }
    fromVersion += 1;
    first = Math.min(first, record.data.finished);
    last = Math.max(last, record.data.finished);
  }
  return { fromVersion, elsewhere, fromFirstToLastMs: fromVersion === 0 ? 0 : (last - first) / 1_000 };
}

/** An answered request in the client's log; `finished` is microseconds from the client's start. */
const answer = z.object({ status: z.number(), version: z.string(), finished: z.number() });

function parse(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}
