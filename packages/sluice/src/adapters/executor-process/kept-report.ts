import { createHash } from 'node:crypto';
import { closeSync, fstatSync, mkdirSync, read, type Stats } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { HeldFolder, PathRefused, resolveInside } from '#host';
import { digestFromHex, isoTime } from '#kernel';
import { SecretMask, type ReportFile, type SecretPatterns } from '#run';

type Declared = ReportFile['report'];

/** A report of a real run has some megabytes; one beyond this is no report. */
const MOST_BYTES = 64 * 1024 * 1024;
const CHUNK = 1 << 18;

export type KeepOptions = {
  readonly project: string;
  /** The run directory, and where in it the copy goes. */
  readonly folder: string;
  readonly file: string;
  /** Epoch milliseconds: a report that was last written before is of an earlier run. */
  readonly since: number;
  readonly secrets: SecretPatterns | undefined;
};

/**
 * Copies a report into the run directory, secrets masked. A job may leave anything under the name of its report: only a regular file inside the project is
 * opened, which waits for nobody, and it is read in pieces up to a bound.
 */
export async function keepReport(report: Declared, options: KeepOptions): Promise<ReportFile> {
  try {
    using project = new HeldFolder(options.project);
    const found = resolveInside(project, options.project, report.path);
    if (found.kind === 'missing') return { kind: 'missing', report };
    if (found.kind === 'refused') return { kind: 'unreadable', report, because: found.because };
    const source = project.openFile(found.path);
    try {
      return await keepOpen(report, source, options);
    } finally {
      closeSync(source.fd);
    }
  } catch (error) {
    if (error instanceof PathRefused) return { kind: 'unreadable', report, because: error.message };
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? { kind: 'missing', report } : { kind: 'unreadable', report, because: message };
  }
}

async function keepOpen(
  report: Declared,
  source: { readonly fd: number; readonly stats: Stats },
  options: KeepOptions,
): Promise<ReportFile> {
  const { size, mtimeMs } = source.stats;
  // File times come from a coarser clock than ours: a report written at the very start may look a tick older.
  if (mtimeMs < options.since - 20) return { kind: 'stale', report, modifiedAt: isoTime(mtimeMs) };
  if (size > MOST_BYTES) return { kind: 'unreadable', report, because: `it has ${size} bytes, and a report may have ${MOST_BYTES}` };
  const target = join(options.folder, options.file);
  mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
  const hash = createHash('sha256');
  const mask = options.secrets === undefined ? undefined : new SecretMask(options.secrets);
  const copy = await open(target, 'w', 0o600);
  try {
    const put = async (bytes: Uint8Array): Promise<void> => {
      hash.update(bytes);
      await copy.writeFile(bytes);
    };
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK, size + 1));
    let seen = 0;
    for (;;) {
      const { bytesRead } = await reading(source.fd, buffer, 0, buffer.length, seen);
      if (bytesRead === 0) break;
      seen += bytesRead;
      // Somebody still writes, beyond any bound perhaps.
      if (seen > size) break;
      const bytes = buffer.subarray(0, bytesRead);
      await put(mask === undefined ? bytes : mask.push(bytes));
    }
    if (mask !== undefined) await put(mask.flush());
    const now = fstatSync(source.fd);
    if (seen !== size || now.size !== size || now.mtimeMs !== mtimeMs) {
      await rm(target, { force: true });
      return { kind: 'unreadable', report, because: `"${basename(report.path)}" was written while it was read` };
    }
  } finally {
    await copy.close();
  }
  return { kind: 'kept', report, file: options.file, digest: digestFromHex(hash.digest('hex')) };
}

const reading = promisify(read);
