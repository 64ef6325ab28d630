/** One glob of a job's inputs: where a look begins, and what it matches. */
export type Glob = {
  /** The leading folders without a wildcard; empty for the project itself. */
  readonly base: string;
  /** Undefined when the whole glob is one path: a file, or a folder with all it holds. */
  readonly pattern: RegExp | undefined;
};

const wildcard = /[*?[\]{}!]/;

/** Reads `src/**` + `/*.ts` and the like: `**`, `*`, `?`, `[a-z]`, `{a,b}`; paths are relative to the project, with `/`. */
export function parseGlob(glob: string): Glob {
  const parts = glob.replace(/^\.\//, '').replace(/\/+$/, '').split('/');
  const first = parts.findIndex((part) => wildcard.test(part));
  if (first === -1) return { base: parts.join('/') === '.' ? '' : parts.join('/'), pattern: undefined };
  return { base: parts.slice(0, first).join('/'), pattern: new RegExp(`^${expression(parts.join('/'))}$`, 's') };
}

/** `**` crosses folders and matches none of them too; the other wildcards stay inside one. */
function expression(glob: string): string {
  let out = '';
  let braces = 0;
  for (let at = 0; at < glob.length; at += 1) {
    const char = glob[at] ?? '';
    if (char === '*') {
      if (glob[at + 1] !== '*') {
        out += '[^/]*';
      } else if (glob[at + 2] === '/') {
        out += '(?:[^/]+/)*';
        at += 2;
      } else {
        out += '.*';
        at += 1;
      }
    } else if (char === '?') {
      out += '[^/]';
    } else if (char === '{') {
      braces += 1;
      out += '(?:';
    } else if (char === '}' && braces > 0) {
      braces -= 1;
      out += ')';
    } else if (char === ',' && braces > 0) {
      out += '|';
    } else if (char === '[') {
      const end = glob.indexOf(']', at + 2);
      if (end === -1) {
        out += '\\[';
      } else {
        out += `[${glob
          .slice(at + 1, end)
          .replace(/^!/, '^')
          .replaceAll('\\', '\\\\')}]`;
        at = end;
      }
    } else {
      out += char.replace(/[\\^$.|+()}\]]/, '\\$&');
    }
  }
  return out;
}
