import { lstatSync, readdirSync, readlinkSync, realpathSync, statSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { digestOf, err, ok, SluiceError, type Digest, type Result } from '#kernel';
import type { PlannedJob } from '#run';
import { markOf, sameMark, type FileIndex, type FileMark } from './file-index.ts';
import { parseGlob, type Glob } from './glob.ts';
import { rootsOf } from './output-tree.ts';

/** One input as it was looked at: its kind and permission to execute, and the digest of its content. */
export type Input = { readonly path: string; readonly mode: 'file' | 'executable' | 'link'; readonly digest: Digest };

/** All inputs of a job at one moment, sorted by path, with what tells later whether one of them was touched. */
export type InputSnapshot = { readonly inputs: readonly Input[]; readonly marks: ReadonlyMap<string, FileMark> };

/** Folders that are never inputs unless a glob names them: other tools' and our own state. */
const ignored: ReadonlySet<string> = new Set(['.git', '.sluice', 'node_modules']);

/** Finds and hashes the inputs of jobs. Folders are listed once for all jobs until something may have changed them. */
export class InputReader {
  readonly #project: string;
  readonly #index: FileIndex;
  readonly #globs = new Map<string, Glob>();
  #listings = new Map<string, readonly string[]>();

  constructor(project: string, index: FileIndex) {
    this.#project = project;
    this.#index = index;
  }

  /** A job ran or outputs were restored: folders must be listed again. */
  forget(): void {
    if (this.#listings.size > 0) this.#listings = new Map();
  }

  /** What a job's globs match now, with digests. What the job itself makes is no input of it. */
  read(job: PlannedJob): Result<InputSnapshot, SluiceError> {
    const inputs: Input[] = [];
    const marks = new Map<string, FileMark>();
    try {
      for (const path of this.#find(job)) this.#add(path, inputs, marks);
    } catch (error) {
      if (error instanceof SluiceError) return err(error);
      const { code, path, message } = error as NodeJS.ErrnoException;
      const fact = code === 'EACCES' ? 'cannot be read: permission denied' : code === 'ENOENT' ? 'went away while it was read' : message;
      return err(new SluiceError('config', `input "${this.#relative(path)}" ${fact}`, { cause: error }));
    }
    return ok({ inputs, marks });
  }

  /** The first input that is not, or may not be, what it was; undefined when all are untouched. */
  changedSince(job: PlannedJob, before: InputSnapshot): string | undefined {
    this.forget();
    let paths: readonly string[];
    try {
      paths = this.#find(job);
    } catch (error) {
      return `the inputs cannot be read any more: ${(error as Error).message}`;
    }
    const now = new Set(paths);
    for (const { path } of before.inputs) if (!now.has(path)) return `input "${path}" was removed while the job ran`;
    const known = new Set(before.inputs.map((input) => input.path));
    for (const path of paths) if (!known.has(path)) return `input "${path}" appeared while the job ran`;
    for (const [path, mark] of before.marks) {
      const stats = lstatSync(join(this.#project, path), { throwIfNoEntry: false });
      if (stats === undefined) return `input "${path}" was removed while the job ran`;
      // Written and put back is a change too: the job may have read what stood there in between.
      if (!sameMark(mark, markOf(stats))) return `input "${path}" was written while the job ran`;
    }
    return this.#rehashRacy(before);
  }

  /** Files so young that their times may hide a second change are read again. */
  #rehashRacy(before: InputSnapshot): string | undefined {
    for (const { path, mode, digest } of before.inputs) {
      const mark = before.marks.get(path);
      if (mode === 'link' || mark === undefined) continue;
      const absolute = join(this.#project, path);
      try {
        if (this.#index.digest(absolute, statSync(absolute)) !== digest) return `input "${path}" was written while the job ran`;
      } catch {
        return `input "${path}" was removed while the job ran`;
      }
    }
    return undefined;
  }

  #add(path: string, inputs: Input[], marks: Map<string, FileMark>): void {
    const absolute = join(this.#project, path);
    const stats = lstatSync(absolute);
    marks.set(path, markOf(stats));
    if (stats.isFile()) {
      inputs.push({ path, mode: modeOf(stats), digest: this.#index.digest(absolute, stats) });
    } else if (stats.isSymbolicLink()) {
      inputs.push({ path, mode: 'link', digest: this.#linkDigest(path, absolute) });
    } else {
      throw new SluiceError(
        'config',
        `input "${path}" is neither a file nor a link (a socket, pipe or device), so it has no content to depend on`,
        {
          hint: 'leave it out of the inputs',
        },
      );
    }
  }

  /** A link is its text and, because a job reads through it, the content behind it. */
  #linkDigest(path: string, absolute: string): Digest {
    const text = readlinkSync(absolute);
    let target: string;
    try {
      target = realpathSync(absolute);
    } catch {
      return digestOf(`dangling\0${text}`);
    }
    const root = `${realpathSync(this.#project)}/`;
    if (!target.startsWith(root)) {
      throw new SluiceError(
        'config',
        `input "${path}" is a link to ${text}, outside of the project: what it holds cannot be part of the key`,
        {
          hint: 'copy it into the project, or leave it out of the inputs',
        },
      );
    }
    const stats = statSync(target);
    if (stats.isFile()) return digestOf(`${text}\0${this.#index.digest(target, stats)}`);
    const behind = this.#list(target.slice(root.length)).map((file) => {
      const inner = join(this.#project, file);
      const innerStats = lstatSync(inner);
      return [file, innerStats.isFile() ? this.#index.digest(inner, innerStats) : readlinkSync(inner)];
    });
    return digestOf(`${text}\0${JSON.stringify(behind)}`);
  }

  #find(job: PlannedJob): readonly string[] {
    const found = new Set<string>();
    const excluded: Glob[] = rootsOf(job).map((base) => ({ base, pattern: undefined }));
    for (const glob of job.inputs) {
      if (glob.startsWith('!')) {
        excluded.push(this.#glob(glob.slice(1)));
        continue;
      }
      const { base, pattern } = this.#glob(glob);
      const stats = lstatSync(join(this.#project, base), { throwIfNoEntry: false });
      if (stats === undefined) continue;
      if (!stats.isDirectory()) {
        if (pattern === undefined) found.add(base);
        continue;
      }
      for (const path of this.#list(base)) if (pattern === undefined || pattern.test(path)) found.add(path);
    }
    const kept = excluded.length === 0 ? [...found] : [...found].filter((path) => !excluded.some((glob) => excludes(glob, path)));
    return kept.length < 2 ? kept : kept.toSorted(bytewise);
  }

  #glob(text: string): Glob {
    const known = this.#globs.get(text);
    if (known !== undefined) return known;
    const parsed = parseGlob(text);
    this.#globs.set(text, parsed);
    return parsed;
  }

  /** Everything below a folder that is no folder, as paths relative to the project. */
  #list(base: string): readonly string[] {
    const known = this.#listings.get(base);
    if (known !== undefined) return known;
    const files: string[] = [];
    const walk = (folder: string): void => {
      for (const entry of readdirSync(join(this.#project, folder), { withFileTypes: true })) {
        const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
        if (!entry.isDirectory()) files.push(path);
        else if (!ignored.has(entry.name)) walk(path);
      }
    };
    walk(base);
    this.#listings.set(base, files);
    return files;
  }

  #relative(path: string | undefined): string {
    return path?.startsWith(`${this.#project}/`) === true ? path.slice(this.#project.length + 1) : (path ?? '?');
  }
}

const modeOf = (stats: Stats): 'file' | 'executable' => ((stats.mode & 0o111) === 0 ? 'file' : 'executable');

const excludes = ({ base, pattern }: Glob, path: string): boolean =>
  pattern === undefined ? path === base || path.startsWith(`${base}/`) : pattern.test(path);

/** By bytes, which no language setting changes. */
const bytewise = (a: string, b: string): number => (a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b)));
