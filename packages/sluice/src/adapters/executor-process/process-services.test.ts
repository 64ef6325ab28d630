import { createServer } from 'node:net';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { identifyProcess } from '#host';
import { milliseconds, seconds } from '#kernel';
import type { PlannedJob } from '#run';
import { runJobs, TestProject } from './run-rig.ts';

type Service = PlannedJob['services'][string];
type Ready = Extract<Service, { readonly kind: 'command' }>['ready'];

const within = { timeout: seconds(20), interval: milliseconds(5) };
const service = (command: string, ready: Ready): Service => ({ kind: 'command', command, env: {}, ready });
const isGone = (project: string, file: string): boolean => identifyProcess(Number(readFileSync(join(project, file), 'utf8'))) === undefined;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

const http = (port: number): string =>
  `echo $$ > pid; exec node -e 'require("http").createServer((q,s)=>s.writeHead(q.url==="/ok"?200:503).end("hi")).listen(${port},"127.0.0.1",()=>console.log("listening now"))'`;

test.each<readonly [string, (port: number) => Ready]>([
  ['a port', (port) => ({ kind: 'port', port, ...within })],
  ['a url', (port) => ({ kind: 'url', url: `http://127.0.0.1:${port}/ok`, ...within })],
  ['a log line', () => ({ kind: 'log-line', contains: 'listening now', ...within })],
  [
    'a command',
    (port) => ({
      kind: 'command',
      command: [
        'node',
        '-e',
        `require("http").get("http://127.0.0.1:${port}/ok",(r)=>process.exit(r.statusCode===200?0:1)).on("error",()=>process.exit(1))`,
      ],
      ...within,
    }),
  ],
])('R-RUN-03: a service is ready when %s says so, and ends with the job', async (_, ready) => {
  using project = new TestProject();
  const port = await freePort();
  const { result } = await runJobs(project.path, {
    job: {
      services: { web: service(http(port), ready(port)) },
      steps: [['node', '-e', `require("http").get("http://127.0.0.1:${port}/ok",(r)=>process.exit(r.statusCode===200?0:1))`]],
    },
  });
  expect(result.jobs.get('job')?.kind).toBe('passed');
  expect(isGone(project.path, 'pid')).toBe(true);
});

test('a service that ends while it is awaited fails the job at once, with the end of its log', async () => {
  using project = new TestProject();
  const { result } = await runJobs(project.path, {
    job: {
      services: {
        db: service('echo cannot bind >&2; exit 3', { kind: 'port', port: 1, timeout: seconds(3600), interval: milliseconds(5) }),
      },
    },
  });
  expect(result.jobs.get('job')).toMatchObject({
    failure: { kind: 'service-not-ready', service: 'db', because: 'it ended with exit code 3', tail: 'cannot bind\n' },
  });
});

test('a service that never gets ready fails after its timeout, and those before it are ended', async () => {
  using project = new TestProject();
  const { result } = await runJobs(project.path, {
    job: {
      services: {
        first: service('echo $$ > pid; echo up; exec sleep 1000', { kind: 'log-line', contains: 'up', ...within }),
        never: service('exec sleep 1000', { kind: 'log-line', contains: 'never', timeout: milliseconds(50), interval: milliseconds(5) }),
      },
    },
  });
  expect(result.jobs.get('job')).toMatchObject({
    failure: { kind: 'service-not-ready', service: 'never', because: 'not ready within 50 ms' },
  });
  expect(isGone(project.path, 'pid')).toBe(true);
});

test('a port that somebody else answers on is not taken for the service', async () => {
  using project = new TestProject();
  const stranger = createServer();
  await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
  const address = stranger.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  try {
    const { result } = await runJobs(project.path, {
      job: { services: { web: service('exec sleep 1000', { kind: 'port', port, ...within }) } },
    });
    expect(result.jobs.get('job')).toMatchObject({
      failure: { kind: 'service-not-ready', because: expect.stringContaining('is in use already') },
    });
  } finally {
    await new Promise((resolve) => stranger.close(resolve));
  }
});

test('a service that dies while the job runs is reported as the cause', async () => {
  using project = new TestProject();
  const { result } = await runJobs(project.path, {
    job: {
      services: {
        web: service('echo up; while ! test -e die; do sleep 0.01; done; echo last words; kill -9 $$', {
          kind: 'log-line',
          contains: 'up',
          ...within,
        }),
      },
      steps: ['touch die; sleep 1000'],
    },
  });
  expect(result.jobs.get('job')).toMatchObject({
    failure: { kind: 'service-died', service: 'web', because: 'it was ended by SIGKILL', tail: expect.stringContaining('last words') },
  });
});

test('services are ended in reverse order of their start', async () => {
  using project = new TestProject();
  const ordered = (name: string): Service =>
    service(`trap 'echo ${name} >> order; exit 0' TERM; echo up; while :; do sleep 0.01; done`, {
      kind: 'log-line',
      contains: 'up',
      ...within,
    });
  await runJobs(project.path, { job: { services: { a: ordered('a'), b: ordered('b') } } });
  expect(readFileSync(join(project.path, 'order'), 'utf8')).toBe('b\na\n');
});

test('a job gets a PostgreSQL of its own, and its death is the cause of the failure', async () => {
  using project = new TestProject();
  const db: Service = { kind: 'postgres', database: 'orders', env: 'DATABASE_URL', timeout: seconds(60) };
  const client = `const { Client } = require(${JSON.stringify(join(process.cwd(), 'node_modules/pg'))})`;
  const query = `${client}; const c = new Client(process.env.DATABASE_URL); c.connect().then(() => c.query('select current_database() as d')).then((r) => { console.log(r.rows[0].d); return c.end(); })`;
  const kill = `${client}; const c = new Client(process.env.DATABASE_URL); c.on('error', () => {}); c.connect().then(() => c.query("select pg_read_file('postmaster.pid') as p")).then((r) => { process.kill(Number(r.rows[0].p.split('\\n')[0]), 'SIGKILL'); setInterval(() => {}, 1000); })`;
  const { result } = await runJobs(project.path, {
    asks: { services: { db }, steps: [['node', '-e', query]] },
    kills: { services: { db }, steps: [['node', '-e', kill]] },
  });
  expect(result.jobs.get('asks')).toMatchObject({ kind: 'passed' });
  expect(readFileSync(join(result.folder, 'logs/asks.1.log'), 'utf8')).toBe('orders\n');
  expect(result.jobs.get('kills')).toMatchObject({ failure: { kind: 'service-died', service: 'db', because: 'PostgreSQL ended' } });
});
