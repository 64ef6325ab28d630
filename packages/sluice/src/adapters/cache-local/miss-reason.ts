import { shownPath } from '#host';
import { shortDigest } from '#kernel';
import type { KeyParts } from './key.ts';

/** In one line, what is different from the last stored result of the same job. */
export function missReason(now: KeyParts, before: KeyParts | undefined): string {
  if (before === undefined) return 'no earlier result of this job is stored';
  const reasons = [...inputChanges(now, before), ...otherChanges(now, before)];
  if (reasons.length === 0) return 'its stored result is gone';
  const more = reasons.length - 3;
  return more > 0 ? `${reasons.slice(0, 3).join('; ')}; and ${more} more` : reasons.join('; ');
}

function inputChanges(now: KeyParts, before: KeyParts): readonly string[] {
  const earlier = new Map(before.inputs.map((input) => [input.path, input]));
  const changes = now.inputs.flatMap((input) => {
    const old = earlier.get(input.path);
    earlier.delete(input.path);
    if (old === undefined) return [`input "${shownPath(input.path)}" is new (${shortDigest(input.digest)})`];
    if (old.mode !== input.mode) return [`input "${shownPath(input.path)}" changed from ${old.mode} to ${input.mode}`];
    if (old.digest !== input.digest)
      return [`input "${shownPath(input.path)}" changed: ${shortDigest(old.digest)} → ${shortDigest(input.digest)}`];
    return [];
  });
  return [...changes, ...[...earlier.keys()].map((path) => `input "${shownPath(path)}" is gone`)];
}

function otherChanges(now: KeyParts, before: KeyParts): readonly string[] {
  const changes: string[] = [];
  if (now.definition !== before.definition) {
    changes.push(`the definition of the job changed: ${shortDigest(before.definition)} → ${shortDigest(now.definition)}`);
  }
  for (const name of ['node', 'platform', 'arch', 'path'] as const) {
    const [old, current] = [before.toolchain[name], now.toolchain[name]];
    if (old !== current) changes.push(name === 'path' ? 'PATH changed' : `${name} changed: ${old} → ${current}`);
  }
  for (const need of new Set([...Object.keys(now.needs), ...Object.keys(before.needs)])) {
    const [old, current] = [before.needs[need], now.needs[need]];
    if (old !== current)
      changes.push(
        `what "${need}" hands on changed: ${old === undefined ? 'none' : shortDigest(old)} → ${current === undefined ? 'none' : shortDigest(current)}`,
      );
  }
  return changes;
}
