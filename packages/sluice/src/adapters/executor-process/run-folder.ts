import { createHash } from 'node:crypto';
import { closeSync, fsync, mkdirSync, openSync, writeSync } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { syncFolder, writeFileDurably } from '#host';
import { digestOf, isoTime } from '#kernel';
import { maskBytes, type JournalEntry, type ReportFile, type RunFolder, type RunRecord, type SecretPatterns } from '#run';
import { runFolderPath } from './project-state.ts';

const sync = promisify(fsync);

/** The directory of a run on this machine: `run.json`, `journal.jsonl`, `logs/`, `reports/`. */
export class LocalRunFolder implements RunFolder, Disposable {
  readonly path: string;
  readonly #project: string;
  readonly #journal: number;

  /** With secrets to hide, kept reports are masked like logs. */
  readonly #secrets: SecretPatterns | undefined;

  constructor(project: string, runId: string, secrets: SecretPatterns | undefined) {
    this.#project = project;
    this.#secrets = secrets;
    this.path = runFolderPath(project, runId);
    mkdirSync(join(this.path, 'logs'), { recursive: true, mode: 0o700 });
    this.#journal = openSync(join(this.path, 'journal.jsonl'), 'a', 0o600);
  }

  append(entry: JournalEntry): void {
    const line = Buffer.from(`${JSON.stringify(entry)}\n`);
    // A short write leaves a torn last line, which readers skip; the error itself stops the run.
    for (let written = 0; written < line.length;) written += writeSync(this.#journal, line, written);
  }

  async sync(): Promise<void> {
    await sync(this.#journal);
    await syncFolder(this.path);
  }

  logFile(job: string, part: string): string {
    return join(this.path, 'logs', `${fileName(job)}.${fileName(part)}.log`);
  }

  async keepReports(job: RunFolderJob, since: number): Promise<readonly ReportFile[]> {
    return Promise.all(job.reports.map((report, index) => this.#keep(report, since, `${fileName(job.name)}.${index}`)));
  }

  async #keep(report: RunFolderJob['reports'][number], since: number, name: string): Promise<ReportFile> {
    const source = join(this.#project, report.path);
    const file = join('reports', `${name}.${fileName(basename(report.path))}`);
    try {
      const { mtimeMs } = await stat(source);
      // File times come from a coarser clock than ours: a report written at the very start may look a tick older.
      if (mtimeMs < since - 20) return { kind: 'stale', report, modifiedAt: isoTime(mtimeMs) };
      mkdirSync(join(this.path, 'reports'), { recursive: true, mode: 0o700 });
      const content = await readFile(source);
      const shown = this.#secrets === undefined ? content : maskBytes(this.#secrets, content);
      await writeFile(join(this.path, file), shown, { mode: 0o600 });
      return { kind: 'kept', report, file, digest: digestOf(shown) };
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      return code === 'ENOENT' ? { kind: 'missing', report } : { kind: 'unreadable', report, because: message };
    }
  }

  async writeRecord(record: RunRecord): Promise<void> {
    await writeFileDurably(join(this.path, 'run.json'), `${JSON.stringify(record, undefined, 2)}\n`);
  }

  [Symbol.dispose](): void {
    closeSync(this.#journal);
  }
}

type RunFolderJob = Parameters<RunFolder['keepReports']>[0];

/** A name that is safe in a path; one that had to be altered gets a part of its digest, so that no two names meet. */
function fileName(name: string): string {
  const safe = name.replaceAll(/[^A-Za-z0-9._-]+/g, '_').slice(0, 80);
  if (safe === name && !name.startsWith('.')) return name;
  return `${safe.replace(/^\./, '_')}-${createHash('sha256').update(name).digest('hex').slice(0, 8)}`;
}
