import { didYouMean } from '#kernel';
import { member, shown, type Report } from './problem.ts';

/** Checks one value and reports what is wrong with it, and with everything in it. */
export type Rule = (value: unknown, path: string, report: Report) => void;

/** A member of an object: its rule, whether it may be left out, and the word the user wrote for it where that is another. */
export type Field = { readonly rule: Rule; readonly optional?: true; readonly written?: string };

/** True for an object that is neither null nor a list. */
export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A text, not empty, that is like `what` says when a pattern is given. */
export const text =
  (like?: { readonly pattern: RegExp; readonly what: string }): Rule =>
  (value, path, report) => {
    if (typeof value !== 'string') report(path, `expected a text, got ${shown(value)}`);
    else if (like !== undefined && !like.pattern.test(value)) report(path, `${shown(value)} is not ${like.what}`);
    else if (value.trim() === '') report(path, 'the text is empty');
  };

/** Any text, the empty one too. */
export const anyText: Rule = (value, path, report) => {
  if (typeof value !== 'string') report(path, `expected a text, got ${shown(value)}`);
};

/** True or false. */
export const yesOrNo: Rule = (value, path, report) => {
  if (typeof value !== 'boolean') report(path, `expected true or false, got ${shown(value)}`);
};

/** A whole number between two others, both included. */
export const whole =
  (from: number, to: number): Rule =>
  (value, path, report) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < from || value > to)
      report(path, `expected a whole number from ${from} to ${to}, got ${shown(value)}`);
  };

/** The longest time a timer of Node can wait: a longer one would end at once. */
const longestMs = 2_147_483_647;

/** A length of time; zero only where it is said to be allowed. */
export const duration =
  (zero: 'or-zero' | 'more-than-zero' = 'more-than-zero'): Rule =>
  (value, path, report) => {
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0)
      report(path, `expected a duration such as minutes(5), got ${shown(value)}`);
    else if (value === 0 && zero === 'more-than-zero') report(path, 'expected a duration longer than zero');
    else if (value > longestMs) report(path, 'expected a duration of at most 24 days');
  };

/** A share in basis points. */
export const share: Rule = (value, path, report) => {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 10_000)
    report(path, `expected a share such as percent(5), got ${shown(value)}`);
};

/** One of a few words. */
export const oneOf =
  (words: readonly string[]): Rule =>
  (value, path, report) => {
    if (typeof value === 'string' && words.includes(value)) return;
    const guess = typeof value === 'string' ? didYouMean(value, words) : '';
    report(path, `expected ${words.map((word) => `"${word}"`).join(' or ')}, got ${shown(value)}.${guess}`);
  };

/** A list whose items follow a rule; with `some`, it may not be empty. */
export const list =
  (rule: Rule, size: 'any' | 'some' = 'any'): Rule =>
  (value, path, report) => {
    if (!Array.isArray(value)) return report(path, `expected a list, got ${shown(value)}`);
    if (size === 'some' && value.length === 0) report(path, 'the list is empty');
    value.forEach((item, at) => rule(item, `${path}[${at}]`, report));
  };

/** Names and what they stand for. */
export const record =
  (name: { readonly pattern: RegExp; readonly what: string }, rule: Rule): Rule =>
  (value, path, report) => {
    if (!isRecord(value)) return report(path, `expected an object, got ${shown(value)}`);
    for (const [key, item] of Object.entries(value)) {
      if (!name.pattern.test(key)) report(member(path, key), `${shown(key)} is not ${name.what}`);
      rule(item, member(path, key), report);
    }
  };

/** An object with these members and no others, as the function `maker` makes it. */
export const object =
  (maker: string, fields: Readonly<Record<string, Field>>): Rule =>
  (value, path, report) => {
    if (!isRecord(value)) return report(path, `expected ${maker}, got ${shown(value)}`);
    const required = Object.entries(fields).filter(([, field]) => field.optional !== true);
    const missing = required.filter(([key]) => !Object.hasOwn(value, key));
    // Written by hand in place of what the function makes: one line says more than ten missing defaults.
    if (missing.length > 2) return report(path, `expected what ${maker} makes`);
    for (const [key, field] of missing) report(member(path, field.written ?? key), 'missing');
    const words = Object.entries(fields).map(([key, field]) => field.written ?? key);
    for (const [key, item] of Object.entries(value)) {
      const field = Object.hasOwn(fields, key) ? fields[key] : undefined;
      if (field === undefined) report(member(path, key), `unknown key.${didYouMean(key, words)}`);
      else field.rule(item, member(path, field.written ?? key), report);
    }
  };

/** An object whose `kind` says which rule it follows. */
export const variant =
  (maker: string, rules: Readonly<Record<string, Rule>>): Rule =>
  (value, path, report) => {
    const kind = isRecord(value) ? value['kind'] : undefined;
    const rule = typeof kind === 'string' && Object.hasOwn(rules, kind) ? rules[kind] : undefined;
    if (rule === undefined) report(path, `expected ${maker}, got ${shown(kind ?? value)}`);
    else rule(value, path, report);
  };
