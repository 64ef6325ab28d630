import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { signalProcess, systemClock } from '../../packages/sluice/src/adapters/host/index.ts';
import { embeddedRouter, startRouter } from '../../packages/sluice/src/adapters/router-embedded/index.ts';
import { basisPoints } from '../../packages/sluice/src/kernel/index.ts';
import { bucketCount, bucketOf, quantile } from '../../packages/sluice/src/rollout/index.ts';
import { hand, progress } from './benchmark.ts';
import type { BenchmarkReport, Figure } from './figure.ts';

/**
 * Throughput and added latency of the embedded router against a direct connection to the same service in the same run. Service, router
 * and load each are a process of their own. `closed` keeps every connection busy; `open` sends at fixed times, whatever comes back.
 */
type Job = { readonly port: number; readonly connections: number; readonly seconds: number; readonly rate?: number };
type Outcome = {
  readonly answers: number;
  readonly perSecond: number;
  readonly failed: number;
  /** Microseconds from when a request was due (from its send where every connection is kept busy), and how late the sends were: what a generator on a busy machine can and cannot tell. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly sendLagP99: number;
};

/** Later than this, what is measured is the scheduler of a busy machine. */
const trustedLagMicroseconds = 5_000;
const self = fileURLToPath(import.meta.url);
const body = JSON.stringify({ orderId: 'o-000001', status: 'accepted', price: 100_25, quantity: 10 });
const requestText = 'GET /orders/1 HTTP/1.1\r\nhost: bench\r\naccept: application/json\r\nuser-agent: bench\r\n\r\n';

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-router-'));
  const service = fork(self, ['service']);
  const [servicePort] = (await once(service, 'message')) as [number];
  const bad = fork(self, ['service', 'bad']);
  const [badPort] = (await once(bad, 'message')) as [number];
  let identity = await startRouter({ stateFolder: folder, clock: systemClock });
  try {
    const router = embeddedRouter({ stateFolder: folder, clock: systemClock });
    const key = 'bench/service';
    const declared = must(await router.declare(key, { traffic: 'request' }));
    must(await router.setEndpoints(key, 'blue', { key: 'blue', endpoints: [{ host: '127.0.0.1', port: servicePort }] }));
    const { epoch } = must(await router.takeEpoch(key, 0));
    must(await router.route(key, { epoch, weights: { blue: basisPoints(10_000), green: basisPoints(0) } }));
    const routed = declared.listen.port;
    const routerPid = identity.pid;
    const cpuOf = (): number => cpuSeconds(routerPid);

    progress('closed and open loop, direct and routed, half a minute');
    // Warm both ways first; then direct and routed by turns, so that a neighbour on the machine hits both.
    for (const port of [servicePort, routed]) await load({ port, connections: 32, seconds: 2 });
    const closedDirect = await load({ port: servicePort, connections: 32, seconds: 5 });
    const cpuBefore = cpuOf();
    const closedRouted = await load({ port: routed, connections: 32, seconds: 5 });
    const routerCpu = cpuOf() - cpuBefore;
    const steady = { connections: 32, seconds: 5, rate: 1_000 };
    const openDirect = await load({ port: servicePort, ...steady });
    const openRouted = await load({ port: routed, ...steady });
    const target = { connections: 64, seconds: 5, rate: 5_000 };
    const targetDirect = await load({ port: servicePort, ...target });
    const targetRouted = await load({ port: routed, ...target });

    const memory = residentMiB(identity.pid);
    const revert = await measureRevert(router, epoch, [servicePort, badPort], routed);
    const gap = await measureGap(folder, identity, routed);
    identity = gap.identity;

    const result = {
      throughput: { direct: closedDirect, routed: closedRouted },
      requestsPerRouterCpuSecond: Math.round(closedRouted.answers / routerCpu),
      at1000: { direct: openDirect, routed: openRouted },
      at5000: { direct: targetDirect, routed: targetRouted },
      routerMemoryMiB: memory,
      revert,
      killToFirstAnswerMs: gap.milliseconds,
    };
    hand(reportOf(result));
  } finally {
    signalProcess(identity, 'SIGKILL');
    service.kill();
    bad.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

type Beside = { readonly direct: Outcome; readonly routed: Outcome };
type Seen = {
  readonly throughput: Beside;
  readonly requestsPerRouterCpuSecond: number;
  readonly at1000: Beside;
  readonly at5000: Beside;
  readonly routerMemoryMiB: number;
  readonly revert: { readonly commandMs: number; readonly lastBadAnswerAfterMs: number };
  readonly killToFirstAnswerMs: number;
};

function reportOf(seen: Seen): BenchmarkReport {
  const latency = (what: string, { direct, routed }: Beside, of: 'p50' | 'p99'): Figure => {
    const late = Math.max(direct.sendLagP99, routed.sendLagP99);
    return {
      what,
      measured: routed[of],
      unit: 'us',
      against: { peer: 'direct', measured: direct[of], ratio: routed[of] / direct[of] },
      ...(late > trustedLagMicroseconds ? { uncertain: `sent ${late} us late` } : {}),
    };
  };
  const { direct, routed } = seen.throughput;
  const rates = [
    ['1,000/s', seen.at1000],
    ['5,000/s', seen.at5000],
  ] as const;
  const notes = rates.map(([rate, { direct: without, routed: through }]) => {
    const late = Math.max(without.sendLagP99, through.sendLagP99);
    return late > trustedLagMicroseconds
      ? `${rate}: latencies NOT certified, the load was sent up to ${late} us late (p99): this machine was too busy.`
      : `${rate}: adds ${through.p50 - without.p50} us at p50, ${through.p99 - without.p99} us at p99; the load was sent at most ${late} us late (p99).`;
  });
  return {
    title: 'router: throughput and added latency against a direct connection',
    figures: [
      {
        what: 'requests/s, 32 connections kept busy',
        measured: routed.perSecond,
        unit: '/s',
        against: { peer: 'direct', measured: direct.perSecond, ratio: routed.perSecond / direct.perSecond },
      },
      { what: 'requests per second of router processor', measured: seen.requestsPerRouterCpuSecond, unit: '/s' },
      ...rates.flatMap(([rate, beside]) => [
        latency(`latency p50 at ${rate}, open loop`, beside, 'p50'),
        latency(`latency p99 at ${rate}, open loop`, beside, 'p99'),
      ]),
      { what: 'revert under 5,000/s: command until durable', measured: seen.revert.commandMs, unit: 'ms' },
      { what: 'revert under 5,000/s: command to last bad answer', measured: seen.revert.lastBadAnswerAfterMs, unit: 'ms' },
      { what: 'router killed: until the next one answers', measured: seen.killToFirstAnswerMs, unit: 'ms' },
      { what: 'memory of the router', measured: seen.routerMemoryMiB, unit: 'MiB' },
    ],
    notes,
    detail: seen,
  };
}

/**
 * Half of 5,000 requests/s goes to a bad version that answers 500; then a revert. From the command to the last bad answer, as the client
 * saw them, over one socket pair clocked by this process.
 */
async function measureRevert(
  router: ReturnType<typeof embeddedRouter>,
  epoch: number,
  [goodPort, badPort]: readonly [number, number],
  port: number,
): Promise<{ readonly commandMs: number; readonly lastBadAnswerAfterMs: number; readonly durableMicroseconds: number }> {
  const key = 'bench/service';
  must(await router.setEndpoints(key, 'green', { key: 'green', endpoints: [{ host: '127.0.0.1', port: badPort }] }));
  must(await router.setEndpoints(key, 'blue', { key: 'blue', endpoints: [{ host: '127.0.0.1', port: goodPort }] }));
  must(await router.route(key, { epoch, weights: { blue: basisPoints(5_000), green: basisPoints(5_000) }, revertTo: 'blue' }));
  const background = load({ port, connections: 64, seconds: 4, rate: 5_000 });
  let lastBadAt = 0;
  let stop = false;
  const watchers = await Promise.all(
    Array.from({ length: 4 }, () =>
      Connection.open(
        port,
        (connection, status) => {
          if (status >= 500) lastBadAt = performance.now();
          if (!stop) connection.send();
        },
        () => {},
      ),
    ),
  );
  for (const watcher of watchers) watcher.send();
  await systemClock.sleep(2_000);
  const commandAt = performance.now();
  must(await router.revert(key, { id: `bench-${process.pid}`, by: 'bench', reason: 'measured' }));
  const commandMs = performance.now() - commandAt;
  await background;
  stop = true;
  const [record] = must(await router.revertsAfter(undefined));
  return {
    commandMs: round(commandMs),
    lastBadAnswerAfterMs: round(lastBadAt - commandAt),
    durableMicroseconds: record?.tookMicroseconds ?? 0,
  };
}

/** SIGKILL of the router, the start of the next one, and the first answer through it. */
async function measureGap(
  folder: string,
  killed: { readonly pid: number; readonly startTicks: number },
  port: number,
): Promise<{ readonly milliseconds: number; readonly identity: typeof killed }> {
  const killedAt = performance.now();
  signalProcess(killed, 'SIGKILL');
  const starting = startRouter({ stateFolder: folder, clock: systemClock });
  for (;;) {
    const answered = await fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    );
    if (answered) break;
    await systemClock.sleep(1);
  }
  return { milliseconds: Math.round(performance.now() - killedAt), identity: await starting };
}

async function load(job: Job): Promise<Outcome> {
  const child: ChildProcess = fork(self, ['load', JSON.stringify(job)]);
  const [outcome] = (await once(child, 'message')) as [Outcome];
  return outcome;
}

function serve(): void {
  const server = createServer((_, res) => {
    res.writeHead(process.argv[3] === 'bad' ? 500 : 200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
    res.end(body);
  });
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
}

/** The load generator: raw sockets and as little work per request as possible, so that it is not what is measured. */
async function generate(job: Job): Promise<void> {
  const latency = Array.from({ length: bucketCount }, () => 0);
  const lag = Array.from({ length: bucketCount }, () => 0);
  let answers = 0;
  let failed = 0;
  const startedAt = performance.now();
  const endAt = startedAt + job.seconds * 1_000;
  const free: Connection[] = [];
  const due: number[] = [];
  const onAnswer = (connection: Connection, status: number): void => {
    const us = (performance.now() - connection.sentAt) * 1_000;
    answers += 1;
    if (status !== 200) failed += 1;
    latency[bucketOf(us)] = (latency[bucketOf(us)] ?? 0) + 1;
    if (job.rate === undefined) {
      if (performance.now() < endAt) connection.send();
    } else {
      const next = due.shift();
      if (next === undefined) free.push(connection);
      else sendAt(connection, next);
    }
  };
  const sendAt = (connection: Connection, intended: number): void => {
    const us = (performance.now() - intended) * 1_000;
    lag[bucketOf(us)] = (lag[bucketOf(us)] ?? 0) + 1;
    connection.send();
    // From when it should have been sent: a request that had to wait in the generator was kept waiting all the same.
    connection.sentAt = intended;
  };
  const connections = await Promise.all(
    Array.from({ length: job.connections }, () => Connection.open(job.port, onAnswer, () => (failed += 1))),
  );
  if (job.rate === undefined) for (const connection of connections) connection.send();
  else {
    free.push(...connections);
    const gap = 1_000 / job.rate;
    let intended = performance.now();
    while (performance.now() < endAt) {
      for (; intended <= performance.now(); intended += gap) {
        const connection = free.pop();
        if (connection === undefined) due.push(intended);
        else sendAt(connection, intended);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  while (performance.now() < endAt + 200) await systemClock.sleep(20);
  const of = (counts: readonly number[], q: number): number => quantile(counts, q) ?? 0;
  const outcome: Outcome = {
    answers,
    perSecond: Math.round(answers / job.seconds),
    failed,
    p50: of(latency, 0.5),
    p99: of(latency, 0.99),
    p999: of(latency, 0.999),
    sendLagP99: of(lag, 0.99),
  };
  process.send?.(outcome, () => process.exit(0));
}

class Connection {
  sentAt = 0;
  readonly #socket: Socket;
  #seen = '';

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  static async open(port: number, onAnswer: (connection: Connection, status: number) => void, onFail: () => void): Promise<Connection> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    await once(socket, 'connect');
    const connection = new Connection(socket);
    socket.on('data', (chunk) => {
      connection.#seen += chunk.toString('latin1');
      const end = connection.#seen.indexOf('\r\n\r\n');
      if (end < 0) return;
      const length = Number(/content-length: (\d+)/i.exec(connection.#seen)?.[1] ?? 0);
      if (connection.#seen.length < end + 4 + length) return;
      const status = Number(connection.#seen.slice(9, 12));
      connection.#seen = '';
      onAnswer(connection, status);
    });
    socket.on('error', onFail);
    return connection;
  }

  send(): void {
    this.sentAt = performance.now();
    this.#socket.write(requestText);
  }
}

function cpuSeconds(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function residentMiB(pid: number): number {
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) / 1_024);
}

function must<T>(answer: { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown }): T {
  if (!answer.ok) throw new Error(`the router refused: ${JSON.stringify(answer.error)}`);
  return answer.value;
}

const round = (n: number): number => Math.round(n * 100) / 100;

const role = process.argv[2];
if (role === 'service') serve();
else if (role === 'load') await generate(JSON.parse(process.argv[3] ?? '{}') as Job);
else await main();
