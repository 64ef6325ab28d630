/** Which names may stand where; they become folders, labels, URLs and variables. */
export const names = {
  project: { pattern: /^[A-Za-z0-9][\w.-]{0,63}$/, what: 'a name of letters, digits, "-", "_" and "."' },
  thing: { pattern: /^[A-Za-z][\w.-]{0,63}$/, what: 'a name: a letter first, then letters, digits, "-", "_" and ".", at most 64 in all' },
  variable: { pattern: /^[A-Za-z_]\w{0,127}$/, what: 'the name of an environment variable' },
  ref: {
    pattern: /^(?!.*\.\.)[A-Za-z0-9_*][\w.*/+-]{0,199}$/,
    what: 'a branch (main, release/*) or the full name of a ref (refs/tags/v*)',
  },
  axis: { pattern: /^[A-Za-z][A-Za-z0-9_-]{0,31}$/, what: 'a name for an axis: a letter first, then letters, digits, "-" and "_"' },
} as const;
