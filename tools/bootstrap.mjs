// Runs a command of this repository under a Node that can: `node tools/bootstrap.mjs <script> [arguments]`.
// Plain JavaScript that any Node from 18 on understands, because it is what runs first in a fresh clone.
// Installs the dependencies when they are missing or older than the lock file, and says so while it takes time.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stamp = join(root, 'node_modules', '.installed-lock');
const installLock = join(root, '.install-lock');
const minimum = [24, 12];

const say = (text) => process.stderr.write(`${text}\n`);
const lockDigest = () =>
  createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
const isInstalled = () => existsSync(stamp) && readFileSync(stamp, 'utf8') === lockDigest();
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function install() {
  await takeInstallLock();
  try {
    if (isInstalled()) return;
    const started = Date.now();
    say('Installing dependencies from the lock file (first run, about half a minute) …');
    const beat = setInterval(() => say(`  still installing, ${Math.round((Date.now() - started) / 1000)} s`), 10_000);
    // Not `npm ci`: it wants the optional packages of every operating system in the lock file, and a mirror may carry only some.
    // `install --no-save` takes versions and integrity from the lock file just the same and never writes it.
    const { code, output } = await capture('npm', [
      'install',
      '--no-save',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      '--loglevel=error',
    ]);
    clearInterval(beat);
    if (code !== 0) {
      say(output.trimEnd());
      say('✖ npm install failed: see above. Is the npm registry in reach?');
      process.exit(2);
    }
    writeFileSync(stamp, lockDigest());
    say(`  installed in ${((Date.now() - started) / 1000).toFixed(0)} s`);
  } finally {
    rmSync(installLock, { recursive: true, force: true });
  }
}

// Two first commands side by side must not install over each other.
async function takeInstallLock() {
  for (let said = false; ; said = true) {
    try {
      mkdirSync(installLock);
      writeFileSync(join(installLock, 'pid'), String(process.pid));
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    if (!holderRuns()) rmSync(installLock, { recursive: true, force: true });
    else if (!said) say('Another command is installing the dependencies; waiting for it …');
    await wait(200);
  }
}

function holderRuns() {
  try {
    const pid = Number(readFileSync(join(installLock, 'pid'), 'utf8'));
    if (!(pid > 0)) return true;
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM' || error.code === 'ENOENT';
  }
}

function capture(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    child.on('error', (error) => resolve({ code: 127, output: `${command}: ${error.message}` }));
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}

function suitableNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > minimum[0] || (major === minimum[0] && minor >= minimum[1])) return process.execPath;
  const own = join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');
  if (existsSync(own)) return own;
  say(
    `✖ Node ${minimum.join('.')} or newer is needed, this is ${process.versions.node}, and npm has none for ${process.platform}-${process.arch}: install it and try again`,
  );
  return process.exit(2);
}

if (!isInstalled()) await install();
const node = suitableNode();
const path = [dirname(node), join(root, 'node_modules', '.bin'), process.env.PATH ?? ''].join(delimiter);
const child = spawn(node, process.argv.slice(2), { cwd: root, stdio: 'inherit', env: { ...process.env, PATH: path } });
// Ctrl-C reaches the child by the terminal's own hand; a supervisor's signal is handed on. Either way the child decides when it is done.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => signal !== 'SIGINT' && child.kill(signal));
child.on('error', (error) => {
  say(`✖ ${error.message}`);
  process.exit(70);
});
child.on('exit', (code, signal) => {
  if (signal !== null) process.kill(process.pid, signal);
  process.exit(code ?? 70);
});
