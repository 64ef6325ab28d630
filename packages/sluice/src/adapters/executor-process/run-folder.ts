import { createHash } from 'node:crypto';
import { closeSync, fsync, mkdirSync, openSync, writeSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { syncFolder, writeFileDurably } from '#host';
import type { JournalEntry, ReportFile, RunFolder, RunRecord, SecretPatterns } from '#run';
import { keepReport } from './kept-report.ts';
import { runFolderPath } from './project-state.ts';

const sync = promisify(fsync);

export type RunFolderPlace = {
  readonly project: string;
  readonly state: string;
  readonly runId: string;
  readonly secrets: SecretPatterns | undefined;
};

/** The directory of a run on this machine: `run.json`, `journal.jsonl`, `logs/`, `reports/`. */
export class LocalRunFolder implements RunFolder, Disposable {
  readonly path: string;
  readonly #project: string;
  readonly #journal: number;
  #hasEnded = false;

  /** With secrets to hide, kept reports are masked like logs. */
  readonly #secrets: SecretPatterns | undefined;

  constructor({ project, state, runId, secrets }: RunFolderPlace) {
    this.#project = project;
    this.#secrets = secrets;
    this.path = runFolderPath(state, runId);
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
    const file = join('reports', `${name}.${fileName(basename(report.path))}`);
    return keepReport(report, { project: this.#project, folder: this.path, file, since, secrets: this.#secrets });
  }

  /** Whether the record tells the end of the run. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  async writeRecord(record: RunRecord): Promise<void> {
    await writeFileDurably(join(this.path, 'run.json'), `${JSON.stringify(record, undefined, 2)}\n`);
    this.#hasEnded = record.state.kind === 'ended';
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
