/** What every object inherits is no name: a careless look-up would find it where nothing was declared. */
const inherited = Object.getOwnPropertyNames(Object.prototype).join('|');

/**
 * The one grammar of names, as sources of regular expressions. What a definition may name by them, an entry of the record, a path of the API, a folder and a
 * label can hold, unchanged. None has an `@` or a blank, so no address and no full name of a person fits in (I10).
 */
export const nameForms = {
  /** A job, gate, pipeline, service, environment, folder or function. */
  thing: `(?!(?:${inherited})(?![A-Za-z0-9_-]))[A-Za-z][A-Za-z0-9_-]{0,63}`,
  /** A variable of an environment. */
  variable: `(?!(?:${inherited})(?![A-Za-z0-9_]))[A-Za-z_][A-Za-z0-9_]{0,127}`,
  /** An axis of a matrix. */
  axis: `(?!(?:${inherited})(?![A-Za-z0-9_-]))[A-Za-z][A-Za-z0-9_-]{0,31}`,
  /** A value of an axis; it may stand in a path, and leads nowhere. */
  axisValue: '[A-Za-z0-9_+-][A-Za-z0-9_.+:-]{0,63}',
  /** A semantic version, with or without a leading `v`. */
  version: 'v?[0-9]{1,9}\\.[0-9]{1,9}\\.[0-9]{1,9}(?:[-+][0-9A-Za-z.+-]{1,64})?',
} as const;

/** How many axes the name of a job can hold. */
export const mostAxes = 8;

/** A whole text of one of the forms. */
export const wholeName = (form: keyof typeof nameForms): RegExp => new RegExp(`^(?:${nameForms[form]})$`);
