import type { Stats } from 'node:fs';
import { PathRefused, shownPath, type HeldFolder } from '#host';
import { digestOf, err, ok, parseGlob, SluiceError, type Digest, type Glob, type Result } from '#kernel';
import type { PlannedJob } from '#run';
import { markOf, sameMark, type FileIndex, type FileMark } from './file-index.ts';
import { changedFolder, markFolders, type FolderMarks } from './folder-marks.ts';
import { InputFinder, type InputFile, type InputFolder } from './input-files.ts';
import { rootsOf } from './output-tree.ts';

/** One input as it was looked at: its kind and permission to execute, and the digest of its content. */
export type Input = { readonly path: string; readonly mode: 'file' | 'executable' | 'link'; readonly digest: Digest };

/**
 * All inputs of a job at one moment, sorted by path. What tells later whether one of them was touched: `marks` of files and links where they really lie,
 * and the folders one passes to them. `unmatched` are patterns that matched nothing.
 */
export type InputSnapshot = {
  readonly inputs: readonly Input[];
  readonly marks: ReadonlyMap<string, FileMark>;
  readonly folders: readonly InputFolder[];
  readonly unmatched: readonly string[];
};

/** Finds and hashes the inputs of jobs. Folders are listed once for all jobs until something may have changed them. */
export class InputReader {
  readonly #folder: HeldFolder;
  readonly #index: FileIndex;
  readonly #finder: InputFinder;
  readonly #globs = new Map<string, Glob>();

  constructor(folder: HeldFolder, project: string, index: FileIndex) {
    this.#folder = folder;
    this.#index = index;
    this.#finder = new InputFinder(folder, project);
  }

  /** A job ran or outputs were restored: folders must be listed again. */
  forget(): void {
    this.#finder.forget();
  }

  /** What a job's patterns match now, with digests. What the job itself makes is no input of it. */
  read(job: PlannedJob): Result<InputSnapshot, SluiceError> {
    let at = '';
    try {
      const { files, folders, unmatched } = this.#find(job);
      const marks = new Map<string, FileMark>();
      const inputs = [...files.values()].map((file) => {
        at = file.path;
        return this.#input(file, marks);
      });
      return ok({ inputs: inputs.length < 2 ? inputs : inputs.toSorted(byPath), marks, folders, unmatched });
    } catch (error) {
      if (error instanceof SluiceError) return err(error);
      if (error instanceof PathRefused) return err(new SluiceError('config', `input ${error.message}`, { cause: error }));
      const { code, message } = error as NodeJS.ErrnoException;
      const fact = code === 'EACCES' ? 'cannot be read: permission denied' : code === 'ENOENT' ? 'went away while it was read' : message;
      return err(
        new SluiceError('config', at === '' ? `the inputs of "${job.name}": ${fact}` : `input "${shownPath(at)}" ${fact}`, {
          cause: error,
        }),
      );
    }
  }

  /** What tells whether a folder was moved away and back; taken before the job starts, as only then there is something to compare. */
  markFolders(snapshot: InputSnapshot): FolderMarks {
    return markFolders(this.#folder, snapshot.folders);
  }

  /** The first input that is not, or may not be, what it was; undefined when all are untouched. `made` are folders in which jobs make their outputs. */
  changedSince(job: PlannedJob, before: InputSnapshot, folders: FolderMarks, made: ReadonlySet<string>): string | undefined {
    this.forget();
    const read = this.read(job);
    if (!read.ok) return `the inputs cannot be read any more: ${read.error.message}`;
    const now = new Map(read.value.inputs.map((input) => [input.path, input]));
    const known = new Set(before.inputs.map((input) => input.path));
    const told = (path: string, what: string): string => `input "${shownPath(path)}" ${what} while the job ran`;
    for (const { path } of before.inputs) if (!now.has(path)) return told(path, 'was removed');
    for (const path of now.keys()) if (!known.has(path)) return told(path, 'appeared');
    for (const [path, mark] of before.marks) {
      const later = read.value.marks.get(path);
      // Written and put back is a change too: the job may have read what stood there in between.
      if (later === undefined || !sameMark(mark, later)) return told(path, 'was written');
    }
    // Files so young that their times may hide a second change were read again.
    for (const { path, mode, digest } of before.inputs) {
      const later = now.get(path);
      if (later?.digest !== digest || later.mode !== mode) return told(path, 'was written');
    }
    return changedFolder(this.#folder, folders, made);
  }

  #find(job: PlannedJob): {
    readonly files: ReadonlyMap<string, InputFile>;
    readonly folders: readonly InputFolder[];
    readonly unmatched: readonly string[];
  } {
    const files = new Map<string, InputFile>();
    const folders: InputFolder[] = [];
    const unmatched: string[] = [];
    const own = rootsOf(job);
    const isOwn = (path: string): boolean => own.some((root) => path === root || path.startsWith(`${root}/`));
    for (const text of job.inputs) {
      const glob = this.#glob(text);
      const found = this.#finder.find(glob);
      if (found === undefined) {
        if (isOwn(glob.base)) continue;
        throw new SluiceError('config', `input "${text}" of "${job.name}" does not exist`, {
          hint: 'correct the name, or leave it out: a job depends on files that are there',
        });
      }
      if (found.files.length === 0) unmatched.push(text);
      for (const { path, text: to } of found.over) files.set(path, { path, real: path, kind: 'link', text: to, to: undefined, via: [] });
      for (const file of found.files) if (!isOwn(file.path) && !isOwn(file.real)) files.set(file.path, file);
      for (const folder of found.folders) if (glob.reaches(folder.path) || glob.matches(folder.path)) folders.push(folder);
    }
    return { files, folders, unmatched };
  }

  #glob(text: string): Glob {
    const known = this.#globs.get(text);
    if (known !== undefined) return known;
    const parsed = parseGlob(text);
    this.#globs.set(text, parsed);
    return parsed;
  }

  #input(file: InputFile, marks: Map<string, FileMark>): Input {
    const { path } = file;
    for (const link of file.via) if (!marks.has(link.path)) marks.set(link.path, markOf(this.#stats(link.path)));
    if (file.kind === 'link') {
      marks.set(file.real, markOf(this.#stats(file.real)));
      // A link is its text and, because a job reads through it, the content behind it; what lies in a folder behind it has paths of its own.
      const behind = file.to === undefined ? '' : this.#content(file.to, marks).join(' ');
      return { path, mode: 'link', digest: digestOf(`${file.text}\0${behind}`) };
    }
    if (file.kind === 'file') {
      const [mode, digest] = this.#content(file.real, marks);
      return { path, mode, digest };
    }
    throw new SluiceError(
      'config',
      `input "${shownPath(path)}" is neither a file nor a link (a socket, pipe or device), so it has no content to depend on`,
      { hint: 'leave it out of the inputs' },
    );
  }

  #content(real: string, marks: Map<string, FileMark>): readonly [mode: 'file' | 'executable', digest: Digest] {
    const stats = this.#stats(real);
    if (!stats.isFile()) throw new PathRefused(real, 'is neither a file nor a link any more');
    if (stats.size > MOST_BYTES) throw new PathRefused(real, `has ${stats.size} bytes, and an input may have ${MOST_BYTES}`);
    marks.set(real, markOf(stats));
    return [(stats.mode & 0o111) === 0 ? 'file' : 'executable', this.#index.digest(this.#folder, real, stats)];
  }

  #stats(real: string): Stats {
    const stats = this.#folder.stats(real);
    if (stats === undefined) throw new PathRefused(real, 'went away while it was read');
    return stats;
  }
}

/** What a disk reads in some ten seconds. A file of more is mostly a hole, or nothing to hash before each run. */
const MOST_BYTES = 8 * 2 ** 30;

/** By bytes of the path, which no language setting changes. */
const byPath = (a: Input, b: Input): number => (a.path === b.path ? 0 : Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
