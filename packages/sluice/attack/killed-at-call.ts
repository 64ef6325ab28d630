import child from 'node:child_process';
import fs from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

/**
 * Loaded before a program: it kills itself with SIGKILL just before its `KILL_AT`th call that changes something outside of it, or writes the names of all such calls to
 * `KILL_LOG`. Whatever lies between two of these calls, awaits included, looks the same from outside.
 */
const at = Number(process.env['KILL_AT'] ?? 'NaN');
const log = process.env['KILL_LOG'];
const { writeFileSync } = fs;
const seen: string[] = [];
let calls = 0;

function point(name: string, first: unknown): void {
  calls += 1;
  if (calls === at) process.kill(process.pid, 'SIGKILL');
  if (log !== undefined) seen.push(`${name} ${typeof first === 'string' ? (first.split('\n')[0] ?? '') : ''}\n`);
}

type Functions = Record<string, unknown>;

function watch(module: Functions, names: readonly string[]): void {
  for (const name of names) {
    const original = module[name];
    if (typeof original !== 'function') throw new Error(`no function ${name}`);
    module[name] = function (this: unknown, ...args: unknown[]): unknown {
      point(name, args[0]);
      return Reflect.apply(original, this, args);
    };
  }
}

const handle = await promises.open('/dev/null');
const handles = Object.getPrototypeOf(handle) as Functions;
await handle.close();
watch(handles, ['sync', 'writeFile']);
watch(fs, ['writeSync', 'writeFileSync', 'renameSync', 'linkSync', 'rmSync', 'mkdirSync', 'fsync', 'mkdtempSync']);
watch(promises, ['mkdir', 'open', 'rename', 'rm', 'writeFile']);
watch(child, ['spawn']);
syncBuiltinESMExports();
if (log !== undefined) process.on('exit', () => writeFileSync(log, seen.join('')));
