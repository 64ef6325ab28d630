import { access, mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncFolder, writeFileDurably } from '#host';
import { err, fromBase64, ok, SluiceError, toBase64 } from '#kernel';
import type { LedgerFolder } from '#workflow';

/** The folder that auditors copy, and a file outside it that remembers what was last signed. */
export type LedgerPaths = { readonly folder: string; readonly lastSigned: string };

/** A ledger folder in C2SP tlog-tiles format. */
export function openLedgerFolder({ folder, lastSigned }: LedgerPaths): LedgerFolder {
  const made = new Set<string>();
  const makeFolder = async (path: string): Promise<void> => {
    if (made.has(path)) return;
    const first = await mkdir(path, { recursive: true, mode: 0o755 });
    // Each new name is made durable in the folder above it.
    const upTo = first?.length ?? Number.POSITIVE_INFINITY;
    for (let at = path; at.length >= upTo; at = dirname(at)) await syncFolder(dirname(at));
    made.add(path);
  };
  /** Partial files of the checkpoint before this one: somebody may be reading by it. */
  let outdated: readonly string[] = [];
  return {
    lastSigned: async () => {
      const text = await readFile(lastSigned, 'utf8').catch(unlessMissing);
      if (text === undefined) return ok(undefined);
      const head = parseHead(text);
      if (head !== undefined) return ok(head);
      return err(
        new SluiceError('verificationFailed', `ledger: ${lastSigned} is damaged, so nobody can tell what was last signed`, {
          hint: 'compare with the newest checkpoint kept elsewhere, then write its size and root on two lines into that file',
        }),
      );
    },
    noteSigned: async ({ size, root }) => {
      await makeFolder(dirname(lastSigned));
      await writeFileDurably(lastSigned, `${size}\n${toBase64(root)}\n`);
    },
    write: async (files, checkpoint, superseded) => {
      for (const { path, bytes } of files) {
        const target = join(folder, path);
        await makeFolder(dirname(target));
        await writeFileDurably(target, bytes, 0o644);
      }
      if (checkpoint === undefined) return;
      await makeFolder(folder);
      await writeFileDurably(join(folder, 'checkpoint'), checkpoint, 0o644);
      for (const path of outdated) await rm(join(folder, path), { force: true });
      outdated = superseded;
    },
    missing: async (paths) => {
      const there = await Promise.all(
        paths.map((path) =>
          access(join(folder, path)).then(
            () => true,
            () => false,
          ),
        ),
      );
      return paths.filter((_, at) => there[at] === false);
    },
  };
}

function parseHead(text: string): { readonly size: number; readonly root: Uint8Array } | undefined {
  const [size = '', root = '', ...rest] = text.split('\n');
  const hash = fromBase64(root);
  return /^\d{1,15}$/.test(size) && hash?.length === 32 && rest.join('') === '' ? { size: Number(size), root: hash } : undefined;
}

function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
