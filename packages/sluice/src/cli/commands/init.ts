import { existsSync, readFileSync } from 'node:fs';
import { appendFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { SluiceError } from '#kernel';
import { flag, type Command } from '../command.ts';
import { otherRunnerOf, projectConfig, testRunnerOf } from '../templates/project.ts';
import { serviceFiles } from '../templates/service.ts';

const command: Command = {
  name: 'init',
  summary: 'write a first sluice.config.ts, or a sample service',
  usage: '[--service]',
  example: ['npx sluice init && npx sluice run', '✔ sluice.config.ts', '', 'next: sluice run'],
  options: { service: { type: 'boolean', says: 'write a small HTTP service as well, ready to be rolled out' } },
  words: [0, 0],
  run: async (invocation) => {
    const { terminal, world } = invocation;
    const name = projectName(world.cwd);
    const files = underNodesName(flag(invocation, 'service') ? serviceFiles(name) : projectFiles(world.cwd, name), readManifest(world.cwd));
    const present = Object.keys(files).filter((file) => existsSync(join(world.cwd, file)));
    const config = ['sluice.config.ts', 'sluice.config.mts', 'sluice.config.js', 'sluice.config.mjs'].find((file) =>
      existsSync(join(world.cwd, file)),
    );
    const taken = config ?? present[0];
    if (taken !== undefined) {
      throw new SluiceError('conflict', `${taken} is already there; nothing was written`, {
        hint: 'edit it, or remove it and run sluice init again',
      });
    }
    for (const [file, text] of Object.entries(files)) {
      await writeFile(join(world.cwd, file), text, { flag: 'wx' });
      terminal.print(`${terminal.symbol('pass')} ${file}`);
    }
    const other = flag(invocation, 'service') ? undefined : otherRunnerOf(readManifest(world.cwd));
    if (other !== undefined) {
      const todo = 'put its command and the JUnit report that it writes into jobs.test';
      terminal.print(`${terminal.symbol('warning')} package.json tests with ${other}, the definition with node:test: ${todo}`);
    }
    await ignoreState(world.cwd);
    terminal.print('', ...nextSteps(flag(invocation, 'service'), name).map((line) => terminal.hint(line)));
    return 0;
  },
};

export default command;

function projectFiles(folder: string, name: string): Readonly<Record<string, string>> {
  return { 'sluice.config.ts': projectConfig(name, testRunnerOf(readManifest(folder))) };
}

/** `npm init` declares CommonJS, in which editors and compilers take a file called `.ts` for no module; `.mts` is one whatever the package says. */
function underNodesName(files: Readonly<Record<string, string>>, manifest: unknown): Readonly<Record<string, string>> {
  if (typeof manifest !== 'object' || manifest === null || !('type' in manifest) || manifest.type !== 'commonjs') return files;
  return Object.fromEntries(Object.entries(files).map(([file, text]) => [file.replace(/^sluice\.config\.ts$/, 'sluice.config.mts'), text]));
}

/** The package's name without its scope, else the folder's name, in characters that a name may have. */
function projectName(folder: string): string {
  const manifest = readManifest(folder);
  const declared =
    typeof manifest === 'object' && manifest !== null && 'name' in manifest && typeof manifest.name === 'string'
      ? manifest.name
      : basename(folder);
  const name = declared
    .replace(/^@[^/]*\//, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');
  return /^[a-z]/.test(name) ? name : `project-${name}`.replace(/-$/, '');
}

function readManifest(folder: string): unknown {
  const path = join(folder, 'package.json');
  if (!existsSync(path)) return undefined;
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as unknown;
  } catch (cause) {
    throw new SluiceError('config', 'package.json is not valid JSON', { hint: 'mend it, then run sluice init again', cause });
  }
}

/** Runs, caches and reports do not belong in a commit. */
async function ignoreState(folder: string): Promise<void> {
  const path = join(folder, '.gitignore');
  const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [];
  const missing = ['.sluice/', 'reports/', 'node_modules/'].filter(
    (line) => !lines.includes(line) && !lines.includes(line.replace(/\/$/, '')),
  );
  const start = lines.length > 0 && lines.at(-1) !== '' ? '\n' : '';
  if (missing.length > 0) await appendFile(path, `${start}${missing.join('\n')}\n`);
}

function nextSteps(withService: boolean, name: string): readonly string[] {
  if (!withService) return ['next: sluice run'];
  return [
    'next:',
    `  git init && git add . && git commit -m "first version"`,
    '  sluice serve                      in a terminal of its own',
    `  sluice deploy ${name} HEAD`,
    `  sluice revert ${name}`,
  ];
}
