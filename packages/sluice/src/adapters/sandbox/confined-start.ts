import { err, ok, SluiceError, type ConfinedProgram, type ConfinedStart, type Result } from '#kernel';
import { group, passwd } from './inside.ts';
import { closeInherited, hiddenPrefix, init, initName, supervise } from './scripts.ts';
import { systemPath } from './tools.ts';

/** What a shell sets by itself, and lets nobody else set. */
const ofTheShell = new Set(['PPID', 'UID', 'EUID', 'BASHOPTS', 'SHELLOPTS', 'BASH_VERSINFO']);

/** The command that follows the walls, inside: the first process, which starts the program. */
export function insideCommand({ command, args, cwd, env }: ConfinedProgram): Result<readonly string[], SluiceError> {
  const names = Object.keys(env).filter((name) => !ofTheShell.has(name));
  const odd = names.find((name) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name));
  if (odd !== undefined) return refused(`no environment of a confined program holds a variable ${JSON.stringify(odd)}`);
  if (command === '' || command.startsWith('-') || command.includes('=')) return refused(`${JSON.stringify(command)} names no program`);
  if ([command, ...args, cwd, ...Object.values(env)].some((text) => text.includes('\0')))
    return refused('a word with a NUL byte in it cannot be handed to a program');
  return ok(['/bin/sh', '-c', init, initName, cwd, ...names, '--', command, ...args]);
}

/** What is started outside: the supervisor, with the command that builds the walls. `groups` are words about control groups. */
export function outsideStart(walls: readonly string[], groups: readonly string[], env: ConfinedProgram['env']): ConfinedStart {
  const hidden = Object.entries(env).flatMap(([name, value]) => (ofTheShell.has(name) ? [] : [[`${hiddenPrefix}${name}`, value] as const]));
  return {
    command: '/bin/sh',
    args: ['-c', closeInherited, 'sluice-sandbox', supervise, passwd, group, ...groups, '--', ...walls],
    cwd: '/',
    env: { PATH: systemPath, ...Object.fromEntries(hidden) },
  };
}

const refused = (why: string): Result<never, SluiceError> => err(new SluiceError('config', why));
