import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Sandbox } from '#kernel';

/** What a confined process tried to do to this machine, and what of it worked. */
export type SandboxProof = { readonly tried: readonly string[]; readonly broken: readonly string[] };

/** What the process inside is told; everything in it exists, outside. */
type Targets = { readonly secret: string; readonly socket: string; readonly port: number; readonly victim: number; readonly mark: string };

const tries = {
  read: 'read a secret',
  signal: 'signal a process',
  see: 'see processes',
  unix: 'open a Unix socket',
  tcp: 'open a TCP port',
  write: 'write to the system',
  kernel: "change the kernel's settings",
  daemon: 'leave a process behind',
} as const;
type Attempt = Exclude<keyof typeof tries, 'daemon'>;

/** Runs inside. Says the names of the attempts that worked; what throws did not. */
const attack = `
const fs = require('fs'), net = require('net'), { spawn } = require('child_process');
const { secret, socket, port, victim, mark } = JSON.parse(process.argv[1]);
const reaches = (to) => new Promise((done, fail) => net.connect(to).once('connect', done).once('error', fail));
const attempts = {
  read: () => fs.readFileSync(secret),
  signal: () => process.kill(victim, 0),
  see: () => { if (fs.readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name)).length <= 8) throw new Error('alone'); },
  unix: () => reaches(socket),
  tcp: () => reaches({ host: '127.0.0.1', port }),
  write: () => { for (const folder of ['/usr', '/etc', '/']) try { return fs.writeFileSync(folder + '/' + mark, ''); } catch {} throw new Error('read-only'); },
  kernel: () => fs.openSync('/proc/sys/kernel/core_pattern', 'r+'),
};
(async () => {
  spawn('/bin/sh', ['-c', 'trap "" HUP TERM; sleep 300', mark], { detached: true, stdio: 'ignore' }).unref();
  const worked = [];
  for (const [name, attempt] of Object.entries(attempts)) try { await attempt(); worked.push(name); } catch {}
  console.log(JSON.stringify({ mark, worked }));
  process.exit(0);
})();
`;

/** Long enough for a Node to start on a busy machine. */
const withinMs = 30_000;

/** Tries to break a sandbox from inside: not by looking for what could hold, but by doing what must not work. */
export async function proveSandbox(sandbox: Sandbox): Promise<SandboxProof> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-proof-')));
  const mark = `sluice-proof-${randomUUID()}`;
  const secret = join(folder, 'secret');
  const socket = join(folder, 'socket');
  writeFileSync(secret, mark, { mode: 0o600 });
  const servers = await Promise.all([listening(socket), listening(0)]);
  const victim = spawn('/bin/sh', ['-c', 'read word'], { stdio: ['pipe', 'ignore', 'ignore'] });
  try {
    const { port } = servers[1].address() as AddressInfo;
    const worked = await attacked(sandbox, { secret, socket, port, victim: victim.pid ?? 0, mark });
    const left = leftBehind(mark);
    for (const pid of left) process.kill(pid, 'SIGKILL');
    const broken =
      worked === undefined ? ['say anything'] : [...worked.map((name) => tries[name]), ...(left.length > 0 ? [tries.daemon] : [])];
    return { tried: Object.values(tries), broken };
  } finally {
    victim.kill('SIGKILL');
    for (const server of servers) server.close();
    rmSync(folder, { recursive: true, force: true });
    for (const place of ['/usr', '/etc', '/']) rmSync(join(place, mark), { force: true });
  }
}

/** Undefined when nothing was said: an attacker that does not speak proves nothing. */
async function attacked(sandbox: Sandbox, targets: Targets): Promise<readonly Attempt[] | undefined> {
  const program = { command: process.execPath, args: ['-e', attack, JSON.stringify(targets)], cwd: '/tmp', env: { PATH: '/usr/bin:/bin' } };
  const start = sandbox.confine(program, { mounts: [], network: 'none', limits: {} });
  if (!start.ok) return undefined;
  const { command, args, cwd, env } = start.value;
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'ignore'], timeout: withinMs, killSignal: 'SIGKILL' });
  let said = '';
  child.stdout.on('data', (bytes: Buffer) => (said += bytes.toString()));
  await Promise.race([once(child, 'close'), once(child, 'error')]);
  return worked(said, targets.mark);
}

function worked(said: string, mark: string): readonly Attempt[] | undefined {
  try {
    const answer = JSON.parse(said) as { readonly mark?: unknown; readonly worked?: unknown };
    if (answer.mark !== mark || !Array.isArray(answer.worked)) return undefined;
    return answer.worked.filter((name): name is Attempt => typeof name === 'string' && Object.hasOwn(tries, name));
  } catch {
    return undefined;
  }
}

/** Processes of this machine that hold the mark on their command line. */
function leftBehind(mark: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(mark);
      } catch {
        return false;
      }
    });
}

async function listening(where: string | number): Promise<Server> {
  const server = createServer((connection) => connection.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    if (typeof where === 'string') server.listen(where, resolve);
    else server.listen(where, '127.0.0.1', resolve);
  });
  return server;
}
