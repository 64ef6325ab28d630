import { createHash } from 'node:crypto';
import { linkSync, rmSync } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder, writeFileDurably, type ProcessIdentity } from '#host';
import { err, ok, type Result } from '#kernel';
import type { EffectBook, EffectKey, EffectOfRun, UnresolvedEffect } from '#run';
import { readEffectPage, unresolvedOf, type EffectPage } from './effect-page.ts';

/** How long it is remembered that an effect was done and told: longer than anybody goes on with a run that was cut off. */
const rememberMs = 30 * 86_400_000;

/**
 * One file per effect. It says that it began before the first process does, and how it ended before anybody is told; and it stays until that was told,
 * so that a run that was killed in between is not followed by one that does it again. Beyond runs, so that tidying up runs forgets no doubt.
 */
export class LocalEffectBook implements EffectBook {
  readonly #folder: string;
  readonly #owner: ProcessIdentity;

  constructor(state: string, owner: ProcessIdentity) {
    this.#folder = join(state, 'effects');
    this.#owner = owner;
  }

  async begin(effect: EffectOfRun & { readonly beganAt: string }, repeat: boolean): Promise<Result<void, UnresolvedEffect>> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const path = this.#path(effect);
    const page: EffectPage = { ...effect, owner: this.#owner, state: 'began', told: false };
    const earlier = readEffectPage(path);
    if (earlier !== undefined) {
      const doubt = unresolvedOf(earlier);
      // The same run goes on after it was cut off: its own effect is not told to anybody yet.
      const isOver = earlier.told && earlier.runId !== effect.runId;
      if (!isOver && (!repeat || doubt.state === 'running')) return err(doubt);
      await writeFileDurably(path, JSON.stringify(page));
      return ok(undefined);
    }
    // Two runs may begin the same effect at once: a link is made by one of them only, and with its whole content.
    const draft = `${path}.${this.#owner.pid}.draft`;
    await writeFileDurably(draft, JSON.stringify(page));
    try {
      linkSync(draft, path);
    } catch (error) {
      const other = (error as NodeJS.ErrnoException).code === 'EEXIST' ? readEffectPage(path) : undefined;
      if (other === undefined) throw error;
      return err(unresolvedOf(other));
    } finally {
      rmSync(draft, { force: true });
    }
    await syncFolder(this.#folder);
    return ok(undefined);
  }

  async end(effect: EffectOfRun, how: 'passed' | 'failed' | 'interrupted' | 'not-begun'): Promise<void> {
    const path = this.#path(effect);
    if (how === 'not-begun') {
      await rm(path, { force: true });
      await syncFolder(this.#folder);
      return;
    }
    const page = readEffectPage(path);
    if (page !== undefined) await writeFileDurably(path, JSON.stringify({ ...page, runId: effect.runId, state: how, told: false }));
  }

  async unresolved(): Promise<readonly UnresolvedEffect[]> {
    const pages = (await this.#files()).map((path) => readEffectPage(path)).filter((page) => page !== undefined);
    return pages.filter(({ state }) => state === 'began' || state === 'interrupted').map(unresolvedOf);
  }

  /** The end of a run was told: its effects that ended may be done again by whoever wants that. What is long over is forgotten. */
  async told(runId: string, now: number): Promise<void> {
    for (const path of await this.#files()) {
      const page = readEffectPage(path);
      if (page === undefined || page.state === 'began' || page.state === 'interrupted') continue;
      if (page.runId === runId && !page.told) await writeFileDurably(path, JSON.stringify({ ...page, told: true }));
      else if (page.told && now - (await stat(path)).mtimeMs > rememberMs) await rm(path, { force: true });
    }
  }

  async #files(): Promise<readonly string[]> {
    const names = await readdir(this.#folder).catch(() => []);
    return names.filter((name) => name.endsWith('.json')).map((name) => join(this.#folder, name));
  }

  #path({ planDigest, commit, job }: EffectKey): string {
    const name = createHash('sha256')
      .update(JSON.stringify([planDigest, commit, job]))
      .digest('hex');
    return join(this.#folder, `${name.slice(0, 32)}.json`);
  }
}
