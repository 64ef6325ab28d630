import { isDigest, SluiceError } from '#kernel';
import { isRunning, readRegularFile, type ProcessIdentity } from '#host';
import type { UnresolvedEffect } from '#run';
import { isIdentity } from './run-book.ts';

/** How far an effect is known to have come. */
const states = ['began', 'interrupted', 'passed', 'failed'] as const;
type State = (typeof states)[number];

/** What is remembered of an effect. `told`: the run that saw its end has told it, so that whoever runs it again knows what they do. */
export type EffectPage = Omit<UnresolvedEffect, 'state'> & {
  readonly owner: ProcessIdentity;
  readonly state: State;
  readonly told: boolean;
};

const mostBytes = 65_536;

/** Reads a page; undefined when there is none. A page that cannot be read is a doubt, not a blank: it is refused. */
export function readEffectPage(path: string): EffectPage | undefined {
  const read = readRegularFile(path, mostBytes, 'refuse');
  if (!read.ok && read.error.kind === 'missing') return undefined;
  const page = read.ok ? parse(read.value.toString()) : undefined;
  if (page !== undefined) return page;
  const fact = read.ok ? 'is damaged' : read.error.message;
  throw new SluiceError('config', `what is known of an effect ${fact}: ${path}`, {
    hint: 'look whether the effect happened; remove the file when it may happen again',
  });
}

function parse(text: string): EffectPage | undefined {
  try {
    const page = (JSON.parse(text) ?? {}) as Partial<Record<keyof EffectPage | 'interrupted', unknown>>;
    const { planDigest, commit, job, runId, beganAt, owner } = page;
    if (typeof planDigest !== 'string' || !isDigest(planDigest) || typeof commit !== 'string' || typeof job !== 'string') return undefined;
    if (typeof runId !== 'string' || typeof beganAt !== 'string' || !isIdentity(owner)) return undefined;
    // Pages of before said only whether they were interrupted, and were removed when the end was known.
    const state = states.find((each) => each === page.state) ?? (page.interrupted === true ? 'interrupted' : 'began');
    return { planDigest, commit, job, runId, beganAt, owner, state, told: page.told === true };
  } catch {
    return undefined;
  }
}

/** The same for whoever asks about it. */
export function unresolvedOf({ owner, state, planDigest, commit, job, runId, beganAt }: EffectPage): UnresolvedEffect {
  return { planDigest, commit, job, runId, beganAt, state: state === 'began' ? (isRunning(owner) ? 'running' : 'lost') : state };
}
