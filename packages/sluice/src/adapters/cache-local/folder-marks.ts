import { shownPath, type HeldFolder } from '#host';
import type { InputFolder } from './input-files.ts';

type FolderMark = { readonly ino: number; readonly mtimeMs: number; readonly ctimeMs: number };

/** Real folders in which inputs lie, as they were before a job ran. */
export type FolderMarks = ReadonlyMap<string, FolderMark>;

/** Looks at folders, and at those that they lie in. */
export function markFolders(folder: HeldFolder, folders: readonly InputFolder[]): FolderMarks {
  const marks = new Map<string, FolderMark>();
  for (const { real } of folders) {
    for (let path = real; !marks.has(path); path = path.slice(0, Math.max(0, path.lastIndexOf('/')))) {
      const stats = folder.stats(path);
      if (stats?.isDirectory() === true) marks.set(path, { ino: stats.ino, mtimeMs: stats.mtimeMs, ctimeMs: stats.ctimeMs });
      if (path === '') break;
    }
  }
  return marks;
}

/**
 * The first folder that may have been another one meanwhile: moved away, replaced, and moved back, its files look untouched. A move changes the folder's own
 * change time, and that of the folder it lies in. Where files came or went in a folder its times change as well: then it is believed if nothing changed in the
 * folder around it, or if it is one in which jobs make their outputs (`made`).
 */
export function changedFolder(folder: HeldFolder, before: FolderMarks, made: ReadonlySet<string>): string | undefined {
  const now = new Map([...before.keys()].map((path) => [path, folder.stats(path)]));
  const isTouched = (path: string): boolean => now.get(path)?.ctimeMs !== before.get(path)?.ctimeMs;
  for (const [path, mark] of before) {
    const stats = now.get(path);
    const told = (what: string): string =>
      `the folder "${path === '' ? '.' : shownPath(path)}", in which inputs lie, ${what} while the job ran`;
    if (stats?.isDirectory() !== true) return told('was removed');
    if (stats.ino !== mark.ino) return told('was replaced');
    if (stats.ctimeMs === mark.ctimeMs || path === '') continue;
    // Files that come and go set both times to one moment; a move, or a change of its mode, sets only this one.
    if (stats.mtimeMs === mark.mtimeMs || stats.ctimeMs > stats.mtimeMs) return told('was moved or changed');
    const around = path.slice(0, Math.max(0, path.lastIndexOf('/')));
    if (!made.has(path) && isTouched(around)) return told('and the one around it were changed, so it may have been exchanged,');
  }
  return undefined;
}
