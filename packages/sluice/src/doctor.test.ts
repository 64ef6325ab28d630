import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { defineDelivery, http, seconds, service } from '#define';
import type { Finding } from '#cli';
import { localDoctor } from './doctor.ts';

let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'doctor-test-'));
});
afterAll(async () => rm(folder, { recursive: true, force: true }));

const stateOf = (findings: readonly Finding[], about: string): Finding['state'] | undefined =>
  findings.find((one) => one.about.includes(about))?.state;

const machine = async (stateFolder: string): Promise<readonly Finding[]> =>
  localDoctor({ stateFolder, env: { DATABASE_URL: 'postgresql://db/sluice' } }).machine();

test('every finding that is not fine says the way out, and isolation is fine only when it was tried to break', async () => {
  const findings = await machine(join(folder, 'none'));
  for (const one of findings) if (one.state === 'fail') expect(one.hint, one.about).toBeTruthy();
  const isolation = findings.find((one) => one.about === 'isolation');
  if (isolation?.state === 'pass') expect(isolation.says).toMatch(/held against \d+ ways out: read a secret, /);
  else expect(isolation).toMatchObject({ state: 'warn', says: expect.stringMatching(/^none: /) as string });
  expect(stateOf(findings, 'node')).toBe('pass');
  expect(stateOf(findings, 'state folder')).toBe('pass');
});

test('a state folder that others may look into is told, with the command that mends it', async () => {
  const open = join(folder, 'open');
  await mkdir(open);
  await chmod(open, 0o755);
  expect((await machine(open)).find((one) => one.about === 'state folder')).toMatchObject({ state: 'warn', hint: `chmod 700 ${open}` });
  await chmod(open, 0o700);
  expect(stateOf(await machine(open), 'state folder')).toBe('pass');
});

test('a file where the state folder should be is in the way', async () => {
  const file = join(folder, 'file');
  await writeFile(file, '');
  expect(stateOf(await machine(file), 'state folder')).toBe('fail');
});

test('without DATABASE_URL the embedded database is really started, and is gone again', async () => {
  const findings = await localDoctor({ stateFolder: join(folder, 'none'), env: {} }).machine();
  expect(findings.find((one) => one.about === 'database')).toMatchObject({ state: 'pass' });
});

const base = `import { createServer } from 'node:http';
const { PORT, HOST, SLUICE_SERVICE: service, SLUICE_VERSION: version, SLUICE_DIGEST: digest } = process.env;
let draining = false;
const server = createServer((request, response) => {
  const body = { '/health': { draining }, '/version': @version@ }[request.url];
  if (request.url === '/metrics') response.end('# TYPE up gauge\\nup{a="b"} 1\\n');
  else response.writeHead(body === undefined ? 404 : draining ? 503 : 200).end(JSON.stringify(body ?? {}));
}).listen(Number(PORT), HOST);
@control@
`;
const control = `createServer((request, response) => {
  draining = request.headers.authorization === 'Bearer ' + process.env.SLUICE_CONTROL_TOKEN;
  response.writeHead(draining ? 200 : 401).end();
}).listen(process.env.SLUICE_CONTROL);
process.on('SIGTERM', () => process.exit(0));`;

async function findingsOf(name: string, text: string): Promise<readonly Finding[]> {
  const project = await mkdtemp(join(folder, 'project-'));
  await writeFile(join(project, 'main.mjs'), text);
  const { services } = defineDelivery({
    name: 'desk',
    services: {
      [name]: service({
        start: ['node', 'main.mjs'],
        files: ['main.mjs'],
        health: http('/health'),
        startWithin: seconds(10),
        stopWithin: seconds(2),
      }),
    },
  });
  const doctor = localDoctor({ stateFolder: join(project, '.sluice'), env: {} });
  return doctor.service({ name, environment: undefined, folder: project, services, signal: new AbortController().signal });
}

test('a service that keeps levels 0 to 4 of the contract passes all five, and nothing of the trial is left', async () => {
  const findings = await findingsOf('whole', base.replace('@version@', '{ service, version, digest }').replace('@control@', control));
  expect(findings.map(({ about, state }) => `${about}: ${state}`)).toEqual([
    'level 0 process: pass',
    'level 1 health: pass',
    'level 2 identity: pass',
    'level 3 metrics: pass',
    'level 4 drain: pass',
  ]);
  expect((await readdir(tmpdir())).filter((name) => name.startsWith('sluice-doctor-'))).toEqual([]);
});

test('a service that lies about its digest and ignores SIGTERM fails these levels, and only warns of what it lacks', async () => {
  const lying = base
    .replace('@version@', `{ service, version, digest: 'sha256:0' }`)
    .replace('@control@', `process.on('SIGTERM', () => {});`);
  const findings = await findingsOf('lying', lying);
  expect(stateOf(findings, 'level 0')).toBe('fail');
  expect(stateOf(findings, 'level 1')).toBe('pass');
  expect(stateOf(findings, 'level 2')).toBe('fail');
  expect(stateOf(findings, 'level 4')).toBe('warn');
});

test('a service that ends at once fails level 0 with its last words', async () => {
  const [only, ...more] = await findingsOf('crashing', `throw new Error('no such desk');`);
  expect(more).toEqual([]);
  expect(only).toMatchObject({ about: 'level 0', state: 'fail' });
});
