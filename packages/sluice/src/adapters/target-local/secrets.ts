import { readFile, stat } from 'node:fs/promises';
import { own, err, ok, type Result } from '#kernel';
import type { TargetProblem } from '#rollout';

/**
 * Reads the named secrets of an environment from the target's own store, a JSON object of names and values that its owner alone may read.
 * `production/DB_PASSWORD` holds for that environment and goes before `DB_PASSWORD`.
 */
export async function readSecrets(
  file: string,
  environment: string,
  names: readonly string[],
): Promise<Result<Readonly<Record<string, string>>, TargetProblem>> {
  if (names.length === 0) return ok({});
  const stats = await stat(file).catch(() => undefined);
  if (stats !== undefined && (stats.mode & 0o077) !== 0)
    return err({ kind: 'refused', message: `${file} can be read by others: chmod 600 ${file}` });
  const stored = stats === undefined ? {} : parseStore(await readFile(file, 'utf8'));
  if (stored === undefined) return err({ kind: 'refused', message: `${file} is not a JSON object of names and values` });
  const found: Record<string, string> = {};
  const missing: string[] = [];
  for (const name of names) {
    const value = own(stored, `${environment}/${name}`) ?? own(stored, name);
    if (typeof value === 'string') found[name] = value;
    else missing.push(name);
  }
  if (missing.length === 0) return ok(found);
  return err({ kind: 'missing-secret', message: `secret ${missing.join(', ')} of ${environment} is not in ${file}: add it there` });
}

function parseStore(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
