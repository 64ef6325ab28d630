import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, constants, open, realpath, stat } from 'node:fs/promises';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { digestFromHex, err, ok, type Digest, type Result } from '#kernel';

/** Where programs are looked up, by agent and instances alike: our own Node first, then the system's places. */
export const searchPath = [dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(delimiter);

/** A start command's program: `path` is started, `binary` is the file that the kernel then runs. */
export type Program = { readonly path: string; readonly binary: string };

/**
 * Finds the program of a start command: a name on the search path, or a path, relative ones within `tree`.
 * A script is followed to the interpreter of its first line, because that is what the kernel runs and what can be attested.
 */
export async function resolveProgram(program: string, tree?: string): Promise<Result<Program, { readonly message: string }>> {
  const named = !program.includes('/');
  if (!named && !isAbsolute(program) && tree === undefined)
    return err({ message: `start command "${program}" lies in the artifact; its digest is that of the packed file` });
  const places = named
    ? searchPath.split(delimiter).map((folder) => join(folder, program))
    : [isAbsolute(program) ? program : join(tree ?? '', program)];
  for (const place of places) {
    if (!(await isProgram(place))) continue;
    const path = await realpath(place);
    const interpreter = await interpreterOf(path);
    if (interpreter === undefined) return ok({ path, binary: path });
    const followed = await resolveProgram(interpreter);
    return followed.ok ? ok({ path, binary: followed.value.binary }) : followed;
  }
  return err({ message: `start command "${program}" was not found${named ? ` on ${searchPath}` : ''}, or is not executable` });
}

/**
 * Digest of the program of a start command for a release: of a file in the project (`./server`), or of what this machine has under that name.
 * A target's own `resolveExecutable` knows no project.
 */
export async function executableOf(program: string, projectFolder: string): Promise<Result<Digest, { readonly message: string }>> {
  const found = await resolveProgram(program, projectFolder);
  return found.ok ? ok(await programDigest(found.value.binary)) : found;
}

/** Digest of a program file, read again only when the file changed. */
export async function programDigest(path: string): Promise<Digest> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
  const version = `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
  const known = digests.get(version);
  if (known !== undefined) return known;
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  const digest = digestFromHex(hash.digest('hex'));
  if (digests.size > 64) digests.clear();
  digests.set(version, digest);
  return digest;
}

/** By identity and times of the file, the change time included, which cannot be set back: a changed file is read anew. */
const digests = new Map<string, Digest>();

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

async function interpreterOf(path: string): Promise<string | undefined> {
  await using file = await open(path, 'r');
  const { buffer, bytesRead } = await file.read(Buffer.alloc(256), 0, 256, 0);
  const [, first, second] = /^#! *(\S+)(?: +(?:-S +)?(\S+))?/.exec(buffer.toString('latin1', 0, bytesRead)) ?? [];
  return first !== undefined && first.endsWith('/env') && second !== undefined ? second : first;
}
