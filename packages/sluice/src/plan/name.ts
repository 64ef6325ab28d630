import { wholeName } from '#kernel';

/** Which names may stand where; they become folders, labels, URLs and variables. */
export const names = {
  project: { pattern: /^[A-Za-z0-9][\w.-]{0,63}$/, what: 'a name of letters, digits, "-", "_" and "."' },
  thing: {
    pattern: wholeName('thing'),
    what: 'a name: a letter first, then letters, digits, "-" and "_", at most 64 in all, and no word that every object has',
  },
  variable: { pattern: wholeName('variable'), what: 'the name of an environment variable' },
  ref: {
    pattern: /^(?!.*\.\.)[A-Za-z0-9_*][\w.*/+-]{0,199}$/,
    what: 'a branch (main, release/*) or the full name of a ref (refs/tags/v*)',
  },
  axis: { pattern: wholeName('axis'), what: 'a name for an axis: a letter first, then letters, digits, "-" and "_"' },
} as const;
