import { GlobMachine } from './glob-machine.ts';

/**
 * One pattern of files, the same for what a job depends on and for what an artifact holds. Paths have `/` between folders and are relative to the project.
 * `*` and `?` stay within a name, leading dots included; `**` crosses folders, and matches none of them too; `[a-z]`, `[!a]`; `{a,b}`.
 * A folder that is matched stands for all it holds. A bracket that is really in a name (`pages/[id].ts`) matches itself, as in a shell.
 */
export type Glob = {
  /** The leading folders without a wildcard, where a look begins; the whole path when there is no wildcard; empty for the project itself. */
  readonly base: string;
  /** True when it names one file or folder. */
  readonly literal: boolean;
  readonly matches: (path: string) => boolean;
  /** Whether something below this folder may be matched. */
  readonly reaches: (folder: string) => boolean;
};

/** What bounds the work for one pattern; far above what a person writes. */
const limits = { characters: 500, wildcards: 50 } as const;

/** What is wrong with the text of a pattern, or undefined. */
export function globProblem(source: string): string | undefined {
  if (source.length > limits.characters) return `a pattern has at most ${limits.characters} characters. Write several`;
  if ((source.match(/[*?[]/g)?.length ?? 0) > limits.wildcards) return `a pattern has at most ${limits.wildcards} wildcards. Write several`;
  // A closing bracket alone is a character like any other; what was opened must be closed, in the same name.
  const open = source.replaceAll(/\[[!^]?\]?[^\]/]*\]/g, '');
  return /[{}[]/.test(open.replaceAll(/\{[^{}[]*\}/g, '')) ? 'the brackets of the pattern do not fit' : undefined;
}

/** Reads a pattern. One that `globProblem` refuses matches what can be made of it. */
export function parseGlob(source: string): Glob {
  const parts = source.split('/').filter((part) => part !== '' && part !== '.');
  const first = parts.findIndex((part) => /[*?[{]/.test(part));
  const base = parts.slice(0, first === -1 ? parts.length : first).join('/');
  const below = base === '' ? '' : `${base}/`;
  const towards = (folder: string): boolean => folder === '' || base.startsWith(`${folder}/`);
  if (first === -1) {
    const matches = (path: string): boolean => path === base || path.startsWith(below);
    return { base, literal: true, matches, reaches: (folder) => towards(folder) || matches(folder) };
  }
  const rest = parts.slice(first).join('/');
  const inBase = (folder: string): boolean => folder === base || folder.startsWith(below);
  if (rest === '**') {
    // Everything below a folder is by far the most frequent pattern.
    const matches = (path: string): boolean => path.length > below.length && path.startsWith(below);
    return { base, literal: false, matches, reaches: (folder) => towards(folder) || inBase(folder) };
  }
  const machine = new GlobMachine(rest);
  return {
    base,
    literal: false,
    matches: (path) => path.startsWith(below) && machine.follow(path, below.length) === 'accepted',
    reaches: (folder) =>
      towards(folder) || folder === base || (folder.startsWith(below) && machine.follow(`${folder}/`, below.length) !== 'lost'),
  };
}
