import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { isDigest, type Digest } from '#kernel';

/** The key of the last result of each job: only there to explain a miss, so losing it loses an explanation. */
export class LastKeys {
  readonly #path: string;
  readonly #keys: Map<string, Digest>;
  #changed = false;

  constructor(path: string) {
    this.#path = path;
    this.#keys = load(path);
  }

  get(job: string): Digest | undefined {
    return this.#keys.get(job);
  }

  set(job: string, key: Digest): void {
    if (this.#keys.get(job) === key) return;
    this.#keys.set(job, key);
    this.#changed = true;
  }

  save(): void {
    if (!this.#changed) return;
    const draft = `${this.#path}.${process.pid}.tmp`;
    try {
      writeFileSync(draft, JSON.stringify(Object.fromEntries(this.#keys)), { mode: 0o600 });
      renameSync(draft, this.#path);
    } catch (error) {
      rmSync(draft, { force: true });
      throw error;
    }
  }
}

function load(path: string): Map<string, Digest> {
  try {
    const parsed: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof parsed !== 'object' || parsed === null) return new Map();
    return new Map(Object.entries(parsed).flatMap(([job, key]: [string, unknown]) => (isDigest(key) ? [[job, key] as const] : [])));
  } catch {
    return new Map();
  }
}
