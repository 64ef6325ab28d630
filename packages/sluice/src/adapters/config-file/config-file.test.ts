import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { seconds, type Sandbox } from '#kernel';
import { noSandbox, openSandbox } from '#sandbox';
import { loadConfig, loadConfigIsolated, nearestConfig } from './index.ts';
import * as door from './index.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-config-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
}

const good = (line = ''): string =>
  `import { defineDelivery, job } from 'sluice';\n${line}\nexport default defineDelivery({ name: 'x', jobs: { a: job({ run: 'true' }) } });\n`;
const loaders = {
  'in this process': loadConfig,
  'behind walls': async (at: string) => loadConfigIsolated(at),
  'apart, without walls': async (at: string) => loadConfigIsolated(at, { sandbox: noSandbox('none') }),
};

for (const [where, load] of Object.entries(loaders)) {
  const error = async (): Promise<string> => {
    const result = await load(folder);
    if (result.ok) return 'loaded';
    expect(result.error.code).toBe('config');
    expect(result.error.message).not.toContain('\n');
    return result.error.hint === undefined ? result.error.message : `${result.error.message} → ${result.error.hint}`;
  };

  describe(`a configuration read ${where}`, () => {
    test.each(['sluice.config.ts', 'sluice.config.mts', 'sluice.config.js', 'sluice.config.mjs'])(
      'may be %s, with sluice installed or not',
      async (name) => {
        write({ [name]: good() });
        expect(await load(folder)).toMatchObject({
          ok: true,
          value: { folder, configFile: name, delivery: { name: 'x', jobs: { a: { steps: ['true'] } } } },
        });
      },
    );

    test('bad input: none at all, or two, each with the way out', async () => {
      expect(await error()).toBe(`no sluice.config.ts in ${folder} → write one with: sluice init`);
      write({ 'sluice.config.ts': good(), 'sluice.config.mjs': good() });
      expect(await error()).toBe(`${folder} holds sluice.config.ts and sluice.config.mjs → keep one of them`);
    });

    test('bad input: one that throws is told with its message and place', async () => {
      write({ 'sluice.config.ts': good("throw new Error('no such market:\\nXNYS');") });
      expect(await error()).toBe('sluice.config.ts:2:7: no such market:');
    });

    test('bad input: one that throws in a module of the project is told with the place there', async () => {
      write({
        'sluice.config.ts': good("import './delivery/limits.ts';"),
        'delivery/limits.ts': '\n\nexport const x: number = JSON.parse("{");\n',
      });
      expect(await error()).toMatch(/^delivery\/limits\.ts:3:\d+: .*JSON/);
    });

    test('bad input: one that throws no error at all is told too', async () => {
      write({ 'sluice.config.ts': good("throw 'text';") });
      expect(await error()).toBe('sluice.config.ts: text');
      write({ 'sub/sluice.config.ts': 'throw null;' });
      expect(await load(join(folder, 'sub'))).toMatchObject({ ok: false, error: { message: 'sluice.config.ts: it throws null' } });
    });

    test('bad input: a missing package or module is named', async () => {
      write({ 'sluice.config.ts': good("import 'no-such-package';") });
      expect(await error()).toContain('no-such-package');
    });

    test('bad input: one that does not parse is told with its place', async () => {
      write({ 'sluice.config.ts': 'import { job } from "sluice";\nexport default {{;\n' });
      expect(await error()).toMatch(/^sluice\.config\.ts/);
    });

    test('bad input: no default export, or another than a delivery', async () => {
      write({ 'sluice.config.ts': 'export const x = 1;' });
      expect(await error()).toBe('sluice.config.ts: no default export → write: export default defineDelivery({ … })');
      write({ 'a/sluice.config.ts': 'export default { name: "x", jobs: {} };' });
      expect(await load(join(folder, 'a'))).toMatchObject({
        ok: false,
        error: { message: 'sluice.config.ts: the default export was not made by defineDelivery' },
      });
      write({ 'b/sluice.config.ts': 'export default Promise.resolve(1);' });
      expect(await load(join(folder, 'b'))).toMatchObject({
        ok: false,
        error: { message: 'sluice.config.ts: the default export is a promise' },
      });
    });
  });
}

test('the nearest configuration is found from a folder below it', () => {
  write({ 'sluice.config.ts': good(), 'src/deep/x.ts': '' });
  expect(nearestConfig(join(folder, 'src/deep'))).toEqual({ ok: true, value: { folder, configFile: 'sluice.config.ts' } });
});

const walls: Readonly<Record<string, () => Promise<Sandbox>>> = {
  'behind walls': async () => openSandbox({ path: '/usr/bin:/bin', home: homedir() }),
  'without walls': async () => noSandbox('none'),
};
describe.each(Object.entries(walls))('a configuration of somebody else, %s', (where, open) => {
  let sandbox: Sandbox;
  beforeAll(async () => {
    sandbox = await open();
  });
  const run = async (line: string, limit = seconds(60)) => {
    write({ 'sluice.config.ts': good(line) });
    const result = await loadConfigIsolated(folder, { limit, sandbox });
    return result.ok ? 'loaded' : result.error.message;
  };

  test('I11: sees no variable but PATH', async () => {
    process.env['SLUICE_TEST_SECRET'] = 'hidden';
    try {
      expect(await run("if (Object.keys(process.env).join() !== 'PATH') throw new Error(Object.keys(process.env).join());")).toBe('loaded');
    } finally {
      delete process.env['SLUICE_TEST_SECRET'];
    }
  });

  test('reads no file outside of the project, writes none, and starts no program', async () => {
    const outside = mkdtempSync(join(tmpdir(), 'sluice-outside-'));
    try {
      writeFileSync(join(outside, 'key'), 'secret');
      expect(await run(`import { readFileSync } from 'node:fs'; readFileSync(${JSON.stringify(join(outside, 'key'))});`)).toContain(
        'must not read',
      );
      expect(await run("import { writeFileSync } from 'node:fs'; writeFileSync('x', '');")).toContain('must not write');
      expect(await run("import { execSync } from 'node:child_process'; execSync('true');")).toContain('must not start programs');
      expect(await run("import { readFileSync } from 'node:fs'; readFileSync('sluice.config.ts');")).toBe('loaded');
    } finally {
      rmSync(outside, { recursive: true, force: true });
    }
  });

  test('may share code of its repository when told where that is', async () => {
    write({
      'shared/name.ts': "export const name: string = 'shared';\n",
      'app/sluice.config.ts': good("import { name } from '../shared/name.ts';\nconsole.log(name);"),
    });
    expect(await loadConfigIsolated(join(folder, 'app'), { sandbox })).toMatchObject({ ok: false });
    expect(await loadConfigIsolated(join(folder, 'app'), { root: folder, sandbox })).toMatchObject({ ok: true });
  });

  test('may print what it likes, and leave anything behind, without being misunderstood', async () => {
    expect(
      await run("console.log('{}'); console.error('Error: x'); setInterval(() => {}, 1000); process.stdout.write('x'.repeat(1e6));"),
    ).toBe('loaded');
  });

  test('that never ends, waits for ever, ends the process, or grows without bound, is told so', async () => {
    expect(await run('for (;;) ;', seconds(2))).toBe('sluice.config.ts: not read within 2 s');
    expect(await run('await new Promise(() => {});')).toBe('sluice.config.ts: waits for a promise that never settles');
    expect(await run('process.exit(0);')).toContain('it ended the process (0)');
    expect(await run('const all = []; for (;;) all.push("x".repeat(1000) + all.length);')).toContain('it ended the process');
  });

  test('that answers in our place is read as data, and nothing else', async () => {
    expect(await run("import { writeSync } from 'node:fs'; writeSync(3, 'null'); process.exit(0);")).toContain('it ended the process');
    expect(
      await run(
        `import { writeSync } from 'node:fs'; writeSync(3, '{"kind":"refused","error":{"code":"forged","message":"x"}}'); process.exit(0);`,
      ),
    ).toContain('it ended the process');
  });

  test('whose definition holds what JSON would lose is refused, not shortened', async () => {
    write({
      'sluice.config.ts':
        "import { defineDelivery } from 'sluice';\nexport default defineDelivery({ name: 'x', jobs: { a: () => 1 } } as never);",
    });
    expect(await loadConfigIsolated(folder)).toMatchObject({
      ok: false,
      error: { code: 'config', message: expect.stringContaining('which is no data') as string },
    });
  });
});

test('the door of the room is exactly this', () => {
  expect(Object.keys(door).toSorted()).toEqual(['loadConfig', 'loadConfigIsolated', 'nearestConfig']);
});
