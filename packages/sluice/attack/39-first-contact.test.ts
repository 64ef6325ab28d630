import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadConfigIsolated } from '#config-file';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

describe('39 · first contact', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-first-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function write(files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
  }
  const sluice = (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--conditions=@sluice/source', main, ...args], {
      cwd: folder,
      env: { PATH: process.env['PATH'] ?? '', HOME: folder, NO_COLOR: '1', ...env },
      encoding: 'utf8',
      timeout: 60_000,
    });
    return { code: status, out: stdout, err: stderr };
  };
  const service = `services: { s: service({ start: ['node', 'x.js'], files: ['x.js'] }) }, environments: { e: environment({ services: { s: {} } }) }`;

  test('a definition called .ts, and what it imports, are read in the package that npm init makes, which declares CommonJS', async () => {
    write({
      'package.json': '{ "name": "desk", "type": "commonjs" }',
      'limits.ts': 'export const limit: number = 5;',
      'sluice.config.ts': `import { defineDelivery, job } from 'sluice';
        import { limit } from './limits.ts';
        export default defineDelivery({ name: 'desk', jobs: { a: job({ run: \`test \${limit} = 5\` }) } });`,
    });
    expect(sluice(['plan'])).toMatchObject({ code: 0, err: '' });
    expect(await loadConfigIsolated(folder)).toMatchObject({ ok: true, value: { delivery: { jobs: { a: { steps: ['test 5 = 5'] } } } } });
  });

  test('next steps and hints name the command as it is called here', () => {
    expect(sluice(['init', '--service'], { npm_command: 'exec' }).out).toContain('npx sluice serve ');
    expect(sluice(['init'], { npm_command: 'exec' }).err).toContain('run npx sluice init again');
    expect(sluice(['init']).err).toContain('run sluice init again');
    expect(sluice(['deploy', 'x', 'HEAD'], { npm_command: 'exec' }).err).toContain(
      'npx sluice serve starts one; npx sluice revert works without it',
    );
  });

  test('plan and run say before anything runs that deploy takes nothing from a pipeline without a gate', () => {
    write({
      'sluice.config.ts': `import { defineDelivery, environment, job, service } from 'sluice';
        export default defineDelivery({ name: 'desk', jobs: { a: job({ run: 'true' }) }, ${service} });`,
    });
    const [plan, run] = [sluice(['plan']), sluice(['run'])];
    expect({ plan: plan.code, run: run.code }).toEqual({ plan: 0, run: 0 });
    expect(plan.out).toContain('▲ no gate');
    expect(run.out.indexOf('▲ no gate')).toBeGreaterThan(0);
    expect(run.out.indexOf('▲ no gate')).toBeLessThan(run.out.indexOf('✔ a'));
  });
});
