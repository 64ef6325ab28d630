import { constants, realpathSync } from 'node:fs';
import { open, realpath, stat } from 'node:fs/promises';
import { basename, isAbsolute, join, relative } from 'node:path';
import { own, digestOf, err, ok, type Digest, type Result } from '#kernel';
import type { SlotOrder } from '#rollout';
import { findProgram, programDigest, searchPath } from './executable.ts';
import { readShell, type ShellWord } from './shell-text.ts';

/** What a start command leads to on this host: `path` is started, and in the end one of `programs` runs, each a binary file. */
export type StartPrograms = { readonly path: string; readonly programs: readonly string[] };

/** Why it cannot be told what a start command runs; the message says what to write instead. */
type Unclear = { readonly message: string };

/** One chain of programs that replace one another is no longer than this; a kernel follows five interpreters. */
const LONGEST_CHAIN = 12;
/** Scripts that name one another many times over would be followed for ever otherwise. */
const MOST_STEPS = 200;
/** A script that starts a service is short; what is longer is read so far. */
const SCRIPT_BYTES = 256 * 1024;

const shells = new Set(['sh', 'bash', 'dash', 'ash', 'ksh', 'zsh']);

/** Programs that change something about themselves and then become their argument: options that take a word, and words before the program. */
const becoming: Readonly<Record<string, { readonly valued: readonly string[]; readonly words: number }>> = {
  env: { valued: ['-u', '--unset', '-C', '--chdir'], words: 0 },
  nice: { valued: ['-n', '--adjustment'], words: 0 },
  ionice: { valued: ['-c', '--class', '-n', '--classdata'], words: 0 },
  nohup: { valued: [], words: 0 },
  stdbuf: { valued: ['-i', '-o', '-e'], words: 0 },
  taskset: { valued: [], words: 1 },
  chrt: { valued: ['-T', '-P', '-D'], words: 1 },
  numactl: { valued: ['-C', '-N', '-m', '-i', '-p'], words: 0 },
};

/**
 * Follows a start command to what runs in the end: the interpreter of a script's first line, the program that `env`, `nice` and their like become, what a shell text
 * replaces itself by. Everything it reads lies in the artifact, which has a digest, or on this host, where it is measured. What cannot be told before it runs is refused
 * with what to write instead, because it could not be approved either.
 */
export async function followStart(start: SlotOrder['start'], tree: string): Promise<Result<StartPrograms, Unclear>> {
  const first = await findProgram(start[0], tree);
  if (first === undefined) return err(notFound(start[0]));
  const found = new Set<string>();
  try {
    await follow(start, { tree, found, depth: 0, label: 'start', steps: { left: MOST_STEPS } });
  } catch (error) {
    if (error instanceof Refusal) return err({ message: error.message });
    throw error;
  }
  return ok({ path: await realpath(first), programs: [...found] });
}

/** One digest over the programs that may run in the end: of one its own, of several one over all of theirs. */
export async function programsDigest(programs: readonly string[]): Promise<Digest> {
  const digests = [...new Set(await Promise.all(programs.map(programDigest)))].toSorted();
  return digests.length === 1 && digests[0] !== undefined ? digests[0] : digestOf(`sluice programs v1\n${digests.join('\n')}`);
}

/** Digest of what a start command runs in a folder that is packed as an artifact. */
export async function executableOf(start: SlotOrder['start'], projectFolder: string): Promise<Result<Digest, Unclear>> {
  const followed = await followStart(start, projectFolder);
  return followed.ok ? ok(await programsDigest(followed.value.programs)) : followed;
}

class Refusal extends Error {}

type Walk = {
  readonly tree: string;
  readonly found: Set<string>;
  readonly depth: number;
  readonly label: string;
  /** Shared by all ways that a start may take. */
  readonly steps: { left: number };
};

async function follow(words: readonly ShellWord[], walk: Walk): Promise<void> {
  const [program, ...args] = words;
  if (program === undefined)
    throw new Refusal(`${walk.label}: the program depends on a variable and cannot be told before it runs: name it`);
  if (walk.depth > LONGEST_CHAIN)
    throw new Refusal(`${walk.label}: more than ${LONGEST_CHAIN} programs become one another: name the last one`);
  walk.steps.left -= 1;
  if (walk.steps.left < 0) throw new Refusal(`${walk.label}: more than ${MOST_STEPS} ways to start lead from it: name the program itself`);
  const place = await findProgram(program, walk.tree);
  if (place === undefined) throw new Refusal(notFound(program, walk.label).message);
  const path = await realpath(place);
  const inside = relative(realpathSync(walk.tree), path);
  if (!isAbsolute(program) && program.includes('/') && (inside.startsWith('..') || isAbsolute(inside)))
    throw new Refusal(`${walk.label}: "${program}" leads out of the artifact`);
  const next = { ...walk, depth: walk.depth + 1 };
  const interpreter = await interpreterOf(path);
  if (interpreter !== undefined) return follow([...interpreter, program, ...args], { ...next, label: program });
  const name = basename(program);
  if (shells.has(name)) return followShell(path, args, next);
  if (Object.hasOwn(becoming, name)) return follow(afterOwnWords(name, args, walk.label), next);
  await refuseForeignCode(args, walk);
  walk.found.add(path);
}

async function followShell(shell: string, args: readonly ShellWord[], walk: Walk): Promise<void> {
  let at = 0;
  let command = false;
  for (; args[at]?.startsWith('-') === true; at += 1) {
    const option = args[at] ?? '';
    if (option === '--') {
      at += 1;
      break;
    }
    if (/^-[a-z]*c[a-z]*$/.test(option)) command = true;
    if (/^-[a-z]*o$/.test(option)) at += 1;
  }
  const script = args[at];
  if (script === undefined)
    throw new Refusal(`${walk.label}: the shell has no text to run that can be read before it runs: name a script of the artifact`);
  const text = command ? script : await scriptText(script, walk);
  const rest = args.slice(command ? at + 2 : at + 1);
  const reading = readShell(text);
  const label = command ? `${walk.label} -c` : script;
  for (const { kind, words } of reading.commands) {
    const all = words.flatMap((word) => (word === '$@' ? rest : [word]));
    // A program that runs beside the shell may be one of its many helpers: only what is found is a program that may serve.
    if (kind === 'stays' && (all[0] === undefined || (await findProgram(all[0], walk.tree)) === undefined)) continue;
    await follow(all, { ...walk, label });
  }
  if (!reading.replaced) walk.found.add(shell);
}

async function scriptText(script: string, walk: Walk): Promise<string> {
  const path = isAbsolute(script) ? script : join(walk.tree, script);
  await refuseForeignCode([script], walk);
  const text = await beginning(path, SCRIPT_BYTES);
  if (text === undefined) throw new Refusal(`${walk.label}: the script "${script}" is not in the artifact: add it to files`);
  return text.toString('utf8');
}

function afterOwnWords(name: string, args: readonly ShellWord[], label: string): readonly ShellWord[] {
  const { valued, words } = own(becoming, name) ?? { valued: [], words: 0 };
  const isEnv = name === 'env';
  const isOwn = (word: ShellWord): boolean => word !== undefined && (word.startsWith('-') || (isEnv && /^\w+=/.test(word)));
  let at = 0;
  for (; isOwn(args[at]); at += 1) {
    const word = args[at] ?? '';
    if (isEnv && /^(?:-[a-zA-Z]*S|--split-string)/.test(word)) {
      const text = word.replace(/^(?:-[a-zA-Z]*S|--split-string=?)/, '') || (args[(at += 1)] ?? '');
      return [...text.split(/\s+/).filter((part) => part !== '' && !/^\w+=/.test(part)), ...args.slice(at + 1)];
    }
    if (word === '--') {
      at += 1;
      break;
    }
    if (valued.includes(word)) at += 1;
  }
  const rest = args.slice(at + words);
  if (rest.length === 0) throw new Refusal(`${label}: ${name} is given no program to become`);
  return rest;
}

/** A script that an interpreter is given by a path out of the artifact would be code without a digest. */
async function refuseForeignCode(args: readonly ShellWord[], walk: Walk): Promise<void> {
  for (const arg of args) {
    if (arg === undefined || arg.startsWith('-') || !/\.(?:[cm]?[jt]s|py|jar|sh|rb|pl|php|dll|so|wasm)$/.test(arg)) continue;
    const inside = relative(walk.tree, isAbsolute(arg) ? arg : join(walk.tree, arg));
    if (!inside.startsWith('..') && !isAbsolute(inside)) continue;
    if (
      await stat(join(walk.tree, inside)).then(
        (found) => found.isFile(),
        () => false,
      )
    )
      throw new Refusal(
        `${walk.label}: "${arg}" lies outside of the artifact and would run without a digest: add it to files and name it by its path there`,
      );
  }
}

async function interpreterOf(path: string): Promise<readonly string[] | undefined> {
  const line = (await beginning(path, 256))?.toString('latin1').split('\n')[0] ?? '';
  const [, interpreter, argument] = /^#!\s*(\S+)\s*(.*?)\s*$/.exec(line) ?? [];
  if (interpreter === undefined) return undefined;
  return argument === undefined || argument === '' ? [interpreter] : [interpreter, argument];
}

/** Only a regular file is read, and only its beginning: a pipe would never end. */
async function beginning(path: string, bytes: number): Promise<Buffer | undefined> {
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (!(await file.stat()).isFile()) return undefined;
    const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, 0);
    return buffer.subarray(0, bytesRead);
  } catch {
    return undefined;
  }
}

const notFound = (program: string, label?: string): Unclear => ({
  message: `${label === undefined || label === 'start' ? '' : `${label}: `}start command "${program}" was not found${program.includes('/') ? '' : ` on ${searchPath}`}, or is not executable`,
});
