import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadConfigIsolated } from '#config-file';

describe('3 · the commit picks secrets', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-attack-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test('a definition of a commit that looks into its environment finds none of ours (I11)', async () => {
    process.env['SLUICE_ATTACK_SECRET'] = 'hunter2';
    try {
      writeFileSync(
        join(folder, 'sluice.config.ts'),
        `import { defineDelivery, job } from 'sluice';
         const seen = process.env['SLUICE_ATTACK_SECRET'] ?? 'nothing';
         export default defineDelivery({ name: 'x', jobs: { [seen]: job({ run: 'true' }) } });`,
      );
      expect(await loadConfigIsolated(folder)).toMatchObject({ ok: true, value: { delivery: { jobs: { nothing: {} } } } });
    } finally {
      delete process.env['SLUICE_ATTACK_SECRET'];
    }
  });
});
