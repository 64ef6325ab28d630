import { posix } from 'node:path';
import { exclusive, isEdge, layers, mayImport, packages, type Room } from './layers.ts';
import type { Reference, SourceFile } from './source-file.ts';

/** A rule that a file breaks. */
export type Violation = { readonly path: string; readonly line: number; readonly rule: Rule; readonly message: string };

/** The rules, by the name under which a planted violation must be reported. */
export const rules = ['direction', 'door', 'package', 'node', 'console', 'environment', 'determinism', 'export', 'cycle'] as const;
type Rule = (typeof rules)[number];

/** Tests, and what only they use: rigs that set the machine up, programs that are killed, planted files. None of it is published. */
const isTest = (path: string): boolean => /(\.(test|test-d|e2e)|-(rig|program))\.ts$/.test(path) || path.includes('/fixtures/');

/** The room of a file: `rollout`, `adapters/host`, or `main` for files beside the rooms; undefined for an unknown folder. */
function roomOf(path: string): Room | 'main' | undefined {
  const parts = path.split('/');
  if (parts.length === 1) return 'main';
  const name = parts[0] === 'adapters' ? `adapters/${parts[1] ?? ''}` : (parts[0] ?? '');
  return Object.hasOwn(layers, name) ? (name as Room) : undefined;
}

/** The room behind a door: `#rollout` is `rollout`, `#host` is `adapters/host`. */
function roomOfDoor(specifier: string): string {
  const name = specifier.slice(1);
  return Object.hasOwn(layers, name) ? name : `adapters/${name}`;
}

/** Everything wrong with one file. Tests may lean on the machine and on fakes of other rooms, but not on a room's inside. */
function violationsOf(file: SourceFile): readonly Violation[] {
  const room = roomOf(file.path);
  const found: Violation[] = [];
  const report = (rule: Rule, at: Reference, message: string): void => void found.push({ path: file.path, line: at.line, rule, message });
  if (room === undefined) {
    report('direction', { name: file.path, line: 1 }, 'lies in a folder that tools/arch/layers.ts does not know');
    return found;
  }
  for (const used of file.imports) checkImport(file, room, used, report);
  if (isTest(file.path)) return found;
  for (const used of file.globals) checkGlobal(file, room, used, report);
  for (const used of file.exports) {
    const allowed = used.name === 'export default' && file.path.startsWith('cli/commands/');
    if (!allowed) report('export', used, `${used.name}: a door lists names`);
  }
  return found;
}

type Report = (rule: Rule, at: Reference, message: string) => void;

function checkImport(file: SourceFile, room: Room | 'main', used: Reference, report: Report): void {
  const { name } = used;
  if (name.startsWith('#')) {
    const to = roomOfDoor(name);
    if (name.includes('/')) report('door', used, `${name} goes past the door of its room`);
    else if (room !== 'main' && !isTest(file.path) && !mayImport(room, to)) report('direction', used, `${room} may not import ${to}`);
  } else if (name.startsWith('.')) {
    const target = posix.join(posix.dirname(file.path), name);
    if (roomOf(target) !== room && room !== 'main') report('door', used, `${name} leaves the room; use its door`);
    if (room === 'main' && roomOf(target) !== 'main') report('door', used, `${name} goes past the door of its room`);
  } else if (name.startsWith('node:')) {
    const allowed = room === 'main' || isEdge(room) || isTest(file.path) || (room === 'kernel' && name === 'node:crypto');
    if (!allowed) report('node', used, `${room} may not use ${name}: effects come in through ports`);
  } else if (!isTest(file.path)) {
    checkPackage(room, used, report);
  }
}

function checkPackage(room: Room | 'main', used: Reference, report: Report): void {
  const name = used.name
    .split('/')
    .slice(0, used.name.startsWith('@') ? 2 : 1)
    .join('/');
  const owner = exclusive[name];
  if (owner !== undefined && owner !== room) report('package', used, `${name} is known to ${owner} alone`);
  else if (room !== 'main' && !isEdge(room) && !(packages[room] ?? []).includes(name))
    report('package', used, `${room} may not use ${name}`);
}

/** Where configuration is loaded, and where child processes get an environment of their own. */
const readsEnvironment = (path: string): boolean => !path.includes('/') || /^cli\/(environment|terminal)\.ts$/.test(path);

function checkGlobal(file: SourceFile, room: Room | 'main', used: Reference, report: Report): void {
  const { name } = used;
  if (name.startsWith('console.') && room !== 'cli') report('console', used, `${name}: only cli prints`);
  if (name === 'process.env' && !readsEnvironment(file.path))
    report('environment', used, 'process.env is read where configuration is loaded, and nowhere else');
  const pure = room !== 'main' && !isEdge(room);
  if (pure && !name.startsWith('console.') && name !== 'process.env' && !isArithmetic(name))
    report('determinism', used, `${room} may not use ${name}: it comes in through a port`);
}

/** `Math` without its randomness, and `Date` without the machine's time, are plain functions. */
const isArithmetic = (name: string): boolean =>
  (name.startsWith('Math.') && name !== 'Math.random') || name === 'Date.UTC' || name === 'Date.parse';

/** Everything wrong with files taken together: what is wrong with each, and circles among them, of types too. */
export const violationsIn = (files: readonly SourceFile[]): readonly Violation[] => [...files.flatMap(violationsOf), ...cyclesIn(files)];

/** Files that import each other in a circle, each circle reported once, at the file where it was entered. */
function cyclesIn(files: readonly SourceFile[]): readonly Violation[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const found: Violation[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path);
    if (at >= 0) {
      found.push({ path, line: 1, rule: 'cycle', message: `imports itself: ${[...trail.slice(at), path].join(' → ')}` });
      return;
    }
    if (done.has(path)) return;
    for (const used of byPath.get(path)?.imports ?? []) {
      const target = used.name.startsWith('.') ? posix.join(posix.dirname(path), used.name) : '';
      if (byPath.has(target)) visit(target, [...trail, path]);
    }
    done.add(path);
  };
  for (const file of files) visit(file.path, []);
  return found;
}
