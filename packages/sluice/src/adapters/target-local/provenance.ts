import { createHash } from 'node:crypto';
import { digestFromHex, digestOfJson, parseGlob, type Digest } from '#kernel';
import type { ArchiveEntry } from './archive-format.ts';
import { ArtifactProblem, type EntryWatch } from './artifact-tree.ts';

/** A file of a commit: its mode and the id of its content, as git has them. */
export type TrackedFile = { readonly mode: string; readonly id: string };

/** Where the files of an artifact may come from: a commit's tree, and below outputs that jobs declare. */
export type Provenance = {
  readonly commit: string;
  readonly tracked: ReadonlyMap<string, TrackedFile>;
  readonly outputs: readonly { readonly job: string; readonly path: string }[];
};

/** So many files that are the commit's, and what jobs made, output by output; `digest` is over path, kind and content of each of its files. */
export type PackedContents = { readonly tracked: number; readonly generated: readonly PackedOutput[] };

type PackedOutput = {
  readonly output: string;
  readonly job: string;
  readonly files: number;
  readonly bytes: number;
  readonly digest: Digest;
};

type Made = { readonly path: string; readonly kind: string; readonly bytes: number; readonly digest: Digest };

/** Compares what is packed, from the very bytes that go into the archive, with the commit that it is packed for. */
export class ProvenanceCheck {
  readonly #provenance: Provenance;
  readonly #label: string;
  readonly #made = new Map<string, Made[]>();
  #tracked = 0;

  constructor(provenance: Provenance, label: string) {
    this.#provenance = provenance;
    this.#label = label;
  }

  /** Before anything is read: what the patterns mean by the commit must be there, and what is there must have a reason to be. */
  checkSelection(patterns: readonly string[], entries: readonly ArchiveEntry[]): void {
    const globs = patterns.map(parseGlob);
    const packed = new Set(entries.map(({ path }) => path));
    for (const path of this.#provenance.tracked.keys()) {
      if (packed.has(path) || this.#outputOf(path) !== undefined || !globs.some((glob) => glob.matches(path))) continue;
      throw this.#refusal(path, `is in commit ${this.#commit()} and was removed by a job`);
    }
    for (const { path, kind } of entries) {
      if (kind === 'folder' || this.#provenance.tracked.has(path) || this.#outputOf(path) !== undefined) continue;
      throw this.#refusal(path, `is not in commit ${this.#commit()}`);
    }
  }

  watch(entry: ArchiveEntry): EntryWatch | undefined {
    if (entry.kind === 'folder') return undefined;
    const tracked = this.#provenance.tracked.get(entry.path);
    const output = this.#outputOf(entry.path);
    const bytes = entry.kind === 'file' ? entry.size : Buffer.byteLength(entry.to);
    // Git names a content by the hash of its length and its bytes; which hash, the length of the name tells.
    const git = createHash(tracked?.id.length === 64 ? 'sha256' : 'sha1').update(`blob ${bytes}\0`);
    const own = output === undefined ? undefined : createHash('sha256');
    return {
      push: (chunk) => {
        git.update(chunk);
        own?.update(chunk);
      },
      end: () => {
        if (tracked !== undefined && tracked.id === git.digest('hex') && tracked.mode === modeOf(entry)) this.#tracked += 1;
        else if (output !== undefined && own !== undefined) {
          const list = this.#made.get(output) ?? [];
          list.push({ path: entry.path, kind: modeOf(entry), bytes, digest: digestFromHex(own.digest('hex')) });
          this.#made.set(output, list);
        } else throw this.#refusal(entry.path, `is not as in commit ${this.#commit()}${this.#how(entry, tracked)}`);
      },
    };
  }

  contents(): PackedContents {
    const generated = [...this.#made]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([output, list]) => ({
        output,
        job: this.#provenance.outputs.find(({ path }) => path === output)?.job ?? '',
        files: list.length,
        bytes: list.reduce((sum, { bytes }) => sum + bytes, 0),
        digest: digestOfJson(list.map(({ path, kind, digest }) => [path, kind, digest])),
      }));
    return { tracked: this.#tracked, generated };
  }

  /** The declared output that a path is, or lies in; the innermost of several. */
  #outputOf(path: string): string | undefined {
    const found = this.#provenance.outputs
      .map((output) => output.path)
      .filter((output) => path === output || path.startsWith(`${output}/`));
    return found.toSorted((a, b) => b.length - a.length)[0];
  }

  #how(entry: ArchiveEntry, tracked: TrackedFile | undefined): string {
    const mode = modeOf(entry);
    return tracked === undefined || tracked.mode === mode ? ': a job changed it' : `: its mode is ${mode} and was ${tracked.mode}`;
  }

  #commit(): string {
    return this.#provenance.commit.slice(0, 7);
  }

  #refusal(path: string, fact: string): ArtifactProblem {
    return new ArtifactProblem(
      `${this.#label}: "${path}" ${fact}. Declare it as an output of the job that makes it, so that a release can name it`,
    );
  }
}

/** The mode that git gives such an entry. */
const modeOf = (entry: ArchiveEntry): string =>
  entry.kind === 'link' ? '120000' : entry.kind === 'file' && entry.executable ? '100755' : '100644';
