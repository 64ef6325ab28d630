import { createHash } from 'node:crypto';
import { linkSync, rmSync } from 'node:fs';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isRunning, syncFolder, writeFileDurably, type ProcessIdentity } from '#host';
import { err, ok, type Result } from '#kernel';
import type { EffectBook, EffectKey, UnresolvedEffect } from '#run';

type Page = Omit<UnresolvedEffect, 'state'> & { readonly owner: ProcessIdentity; readonly interrupted: boolean };

/** One file per effect that began; an effect that ended has none. Beyond runs, so that tidying up runs forgets no doubt. */
export class LocalEffectBook implements EffectBook {
  readonly #folder: string;
  readonly #owner: ProcessIdentity;

  constructor(state: string, owner: ProcessIdentity) {
    this.#folder = join(state, 'effects');
    this.#owner = owner;
  }

  async begin(
    effect: EffectKey & { readonly runId: string; readonly beganAt: string },
    repeat: boolean,
  ): Promise<Result<void, UnresolvedEffect>> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const path = this.#path(effect);
    const page: Page = { ...effect, owner: this.#owner, interrupted: false };
    const earlier = await read(path);
    if (earlier !== undefined) {
      const doubt = unresolvedOf(earlier);
      if (!repeat || doubt.state === 'running') return err(doubt);
      await writeFileDurably(path, JSON.stringify(page));
      return ok(undefined);
    }
    // Two runs may begin the same effect at once: a link is made by one of them only, and with its whole content.
    const draft = `${path}.${this.#owner.pid}.draft`;
    await writeFileDurably(draft, JSON.stringify(page));
    try {
      linkSync(draft, path);
    } catch (error) {
      const other = (error as NodeJS.ErrnoException).code === 'EEXIST' ? await read(path) : undefined;
      if (other === undefined) throw error;
      return err(unresolvedOf(other));
    } finally {
      rmSync(draft, { force: true });
    }
    await syncFolder(this.#folder);
    return ok(undefined);
  }

  async end(effect: EffectKey, how: 'known' | 'interrupted'): Promise<void> {
    const path = this.#path(effect);
    if (how === 'known') {
      await rm(path, { force: true });
      await syncFolder(this.#folder);
      return;
    }
    const page = await read(path);
    if (page !== undefined) await writeFileDurably(path, JSON.stringify({ ...page, interrupted: true }));
  }

  async unresolved(): Promise<readonly UnresolvedEffect[]> {
    const names = await readdir(this.#folder).catch(() => []);
    const pages = await Promise.all(names.filter((name) => name.endsWith('.json')).map((name) => read(join(this.#folder, name))));
    return pages.filter((page) => page !== undefined).map(unresolvedOf);
  }

  #path({ planDigest, commit, job }: EffectKey): string {
    const name = createHash('sha256')
      .update(JSON.stringify([planDigest, commit, job]))
      .digest('hex');
    return join(this.#folder, `${name.slice(0, 32)}.json`);
  }
}

async function read(path: string): Promise<Page | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Page;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error; // a page that cannot be read is a doubt, not a blank
  }
}

function unresolvedOf({ owner, interrupted, ...effect }: Page): UnresolvedEffect {
  return { ...effect, state: interrupted ? 'interrupted' : isRunning(owner) ? 'running' : 'lost' };
}
