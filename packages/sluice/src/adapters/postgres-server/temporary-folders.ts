import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { identifyProcess, isRunning, isWorld, openPrivateFolder, processWorld, type OwnFolder } from '#host';

/** A folder of a temporary server, and how it and what was noted of it are removed. */
export type TemporaryFolder = { readonly path: string; readonly remove: () => void };

type Note = { readonly name: string; readonly inode: number; readonly pid: number; readonly startTicks: number; readonly world: string };

const nameForm = /^sluice-pg-[A-Za-z0-9]{6}$/;

/**
 * Folders of temporary servers. They lie in `/tmp` itself, where another user may have to enter, so a name there proves nothing: which ones are ours
 * is noted in the private folder of this user, by random name and inode.
 */
export class TemporaryFolders implements Disposable {
  readonly #notes: OwnFolder = openPrivateFolder();

  open(): TemporaryFolder {
    const path = mkdtempSync(join(tmpdir(), 'sluice-pg-'));
    const name = basename(path);
    const { pid, startTicks } = identifyProcess(process.pid) ?? { pid: process.pid, startTicks: 0 };
    const note: Note = { name, inode: lstatSync(path).ino, pid, startTicks, world: processWorld() };
    writeFileSync(this.#note(name), JSON.stringify(note), { mode: 0o600 });
    return this.#folder(name);
  }

  /** Those whose owner was killed. What another container uses is not ours to judge. */
  abandoned(): readonly TemporaryFolder[] {
    return readdirSync(this.#notes.inside('.')).flatMap((file) => {
      const note = readNote(this.#notes.inside(file));
      if (note === undefined || file !== `${note.name}.note` || !isAbandoned(note)) return [];
      const stats = lstatSync(join(tmpdir(), note.name), { throwIfNoEntry: false });
      if (stats?.isDirectory() === true && stats.ino === note.inode) return [this.#folder(note.name)];
      rmSync(this.#note(note.name), { force: true });
      return [];
    });
  }

  #folder(name: string): TemporaryFolder {
    const path = join(tmpdir(), name);
    const remove = (): void => {
      rmSync(path, { recursive: true, force: true, maxRetries: 3 });
      rmSync(this.#note(name), { force: true });
    };
    return { path, remove };
  }

  #note(name: string): string {
    return this.#notes.inside(`${name}.note`);
  }

  [Symbol.dispose](): void {
    this.#notes[Symbol.dispose]();
  }
}

function isAbandoned(note: Note): boolean {
  const where = isWorld(note.world);
  return where === 'over' || (where === 'here' && !isRunning(note));
}

function readNote(path: string): Note | undefined {
  if (!path.endsWith('.note')) return undefined;
  try {
    const note = (JSON.parse(readFileSync(path, 'utf8')) ?? {}) as Partial<Record<keyof Note, unknown>>;
    const { name, inode, pid, startTicks, world } = note;
    if (typeof name !== 'string' || !nameForm.test(name) || typeof world !== 'string') return undefined;
    return typeof inode === 'number' && typeof pid === 'number' && typeof startTicks === 'number'
      ? { name, inode, pid, startTicks, world }
      : undefined;
  } catch {
    return undefined;
  }
}
