import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { layoutOf } from './layout.ts';
import { neutralTrees, packagesAbove, removeOrphanedTrees, treeFolders } from './neutral-trees.ts';

let project = '';
beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'sluice-trees-test-'));
  mkdirSync(join(project, '.sluice'));
});
afterEach(() => {
  rmSync(project, { recursive: true, force: true });
  removeOrphanedTrees();
});

const layout = () => layoutOf(join(project, '.sluice'));

describe('where trees lie when nothing confines what is started from them', () => {
  test('in the state folder, while no packages lie above it', () => {
    expect(neutralTrees(layout())).toBe(join(project, '.sluice/trees'));
  });

  test('elsewhere when the project may get packages at any time', () => {
    writeFileSync(join(project, 'package.json'), '{}');
    expect(neutralTrees(layout())).not.toContain(project);
  });

  test('elsewhere, in a private folder of this state folder alone, when the project has packages', () => {
    mkdirSync(join(project, 'node_modules'));
    const trees = neutralTrees(layout());
    expect(trees).not.toContain(project);
    expect(packagesAbove(join(trees ?? '', 'tree'))).toEqual([]);
    expect(neutralTrees(layout())).toBe(trees);
    expect(treeFolders(layout())).toContain(trees);
  });

  test('what a state folder left there goes when the state folder is gone, and not before', () => {
    mkdirSync(join(project, 'node_modules'));
    const trees = neutralTrees(layout()) ?? '';
    mkdirSync(join(trees, 'tree'), { recursive: true });
    removeOrphanedTrees();
    expect(existsSync(join(trees, 'tree'))).toBe(true);
    rmSync(project, { recursive: true });
    removeOrphanedTrees();
    expect(existsSync(trees)).toBe(false);
  });
});

test('packages above a folder are told, nearest first; those within it are its own', () => {
  mkdirSync(join(project, 'a/b/node_modules'), { recursive: true });
  mkdirSync(join(project, 'a/node_modules'));
  mkdirSync(join(project, 'node_modules'));
  expect(packagesAbove(join(project, 'a/b'))).toEqual([join(project, 'a/node_modules'), join(project, 'node_modules')]);
});
