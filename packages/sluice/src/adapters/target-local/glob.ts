/** A compiled pattern: `**` any depth, `*` and `?` within a name (leading dots included), `{a,b}`, `[abc]`; a folder's name means all below it. */
export type Glob = { readonly source: string; readonly matches: (path: string) => boolean; readonly root: string };

/** Compiles a pattern of forward-slashed paths relative to the project. */
export function compileGlob(source: string): Glob {
  const pattern = source.replace(/^\.\//, '').replace(/\/+$/, '');
  const expression = new RegExp(`^(?:${translate(pattern)})(?:/.*)?$`, 'su');
  const literal = pattern.split('/');
  const magic = literal.findIndex((part) => /[*?[{]/.test(part));
  return { source, matches: (path) => expression.test(path), root: literal.slice(0, magic < 0 ? literal.length : magic).join('/') };
}

function translate(pattern: string): string {
  let out = '';
  let groups = 0;
  for (let at = 0; at < pattern.length; at += 1) {
    const char = pattern.charAt(at);
    const close = char === '[' ? pattern.indexOf(']', at + 2) : -1;
    if (pattern.startsWith('**/', at) && (at === 0 || pattern.charAt(at - 1) === '/')) {
      out += '(?:[^/]+/)*';
      at += 2;
    } else if (pattern.startsWith('**', at)) {
      out += '.*';
      at += 1;
    } else if (char === '*') out += '[^/]*';
    else if (char === '?') out += '[^/]';
    else if (close > 0) {
      const set = pattern.slice(at + 1, close);
      out += `[${set.replace(/^!/, '^').replace(/[\\[\]]/g, '\\$&')}]`;
      at = close;
    } else if (char === '{' && pattern.indexOf('}', at) > 0) {
      out += '(?:';
      groups += 1;
    } else if (char === '}' && groups > 0) {
      out += ')';
      groups -= 1;
    } else if (char === ',' && groups > 0) out += '|';
    else out += char.replace(/[.+^$()|\\{}[\]/]/g, '\\$&');
  }
  return out;
}
