import { readFileSync, readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { parseSync } from 'oxc-parser';

/** What the architecture lint needs to know of one file. */
export type SourceFile = {
  /** Relative to the source folder, with forward slashes: `rollout/decide.ts`. */
  readonly path: string;
  readonly imports: readonly Reference[];
  /** Uses of a global: `process.env`, `console.log`, `Date.now`, `fetch`. */
  readonly globals: readonly Reference[];
  /** `export *` and `export default`. */
  readonly exports: readonly Reference[];
};

/** Something named at a line. */
export type Reference = { readonly name: string; readonly line: number };

type Node = { readonly type: string; readonly start: number; readonly [key: string]: unknown };

const watched = new Set([
  'process',
  'console',
  'Date',
  'Math',
  'fetch',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'performance',
  'crypto',
]);

/** Every TypeScript file below a folder, read and reduced. */
export function readSourceFiles(folder: string): readonly SourceFile[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.[cm]?tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted()
    .map((path) => readSourceFile(path, relative(folder, path).split(sep).join('/')));
}

/** One file, parsed; a file that cannot be parsed is a bug that must not pass for an empty one. */
function readSourceFile(absolute: string, path: string): SourceFile {
  const text = readFileSync(absolute, 'utf8');
  const parsed = parseSync(absolute, text);
  const problem = parsed.errors[0];
  if (problem !== undefined) throw new Error(`${path}: ${problem.message}`);
  const imports: Reference[] = [];
  const globals: Reference[] = [];
  const exports: Reference[] = [];
  const lineOf = (at: number): number => text.slice(0, at).split('\n').length;
  walk(parsed.program as unknown as Node, (node) => {
    const source = node['source'] as { readonly value?: unknown } | null | undefined;
    if (typeof source?.value === 'string') imports.push({ name: source.value, line: lineOf(node.start) });
    if (node.type === 'ExportAllDeclaration' && node['exported'] === null) exports.push({ name: 'export *', line: lineOf(node.start) });
    if (node.type === 'ExportDefaultDeclaration') exports.push({ name: 'export default', line: lineOf(node.start) });
    const used = globalUse(node);
    if (used !== undefined) globals.push({ name: used, line: lineOf(node.start) });
  });
  return { path, imports, globals, exports };
}

/** `Date.now` for a member of a watched global, `fetch` for a call of one, `Date` for `new Date()` without arguments. */
function globalUse(node: Node): string | undefined {
  if (node.type === 'MemberExpression') {
    const object = node['object'] as Node;
    const property = node['property'] as Node;
    return isWatched(object) ? `${String(object['name'])}.${String(property['name'])}` : undefined;
  }
  const callee = node['callee'] as Node | undefined;
  if (callee === undefined || !isWatched(callee)) return undefined;
  if (node.type === 'CallExpression') return String(callee['name']);
  const takesNothing = node.type === 'NewExpression' && (node['arguments'] as readonly unknown[]).length === 0;
  return takesNothing ? `new ${String(callee['name'])}()` : undefined;
}

const isWatched = (node: Node): boolean => node.type === 'Identifier' && watched.has(String(node['name']));

function walk(node: Node, visit: (node: Node) => void): void {
  visit(node);
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (typeof child === 'object' && child !== null && typeof (child as Node).type === 'string') walk(child as Node, visit);
    }
  }
}
