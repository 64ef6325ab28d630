import { posix } from 'node:path';
import { shownPath } from '#host';

/**
 * Why a symbolic link may not be in an artifact, or undefined when it may. Only leading `..` are allowed: after a name that may itself be a link,
 * `..` leads somewhere else than the text says, and so out of the tree.
 */
export function linkProblem(path: string, to: string): string | undefined {
  if (to.includes('\0')) return `the link ${path} -> ${shownPath(to)} is no text in UTF-8`;
  if (to === '' || posix.isAbsolute(to)) return `the link ${path} -> ${to} is not relative`;
  const parts = to.split('/').filter((part) => part !== '' && part !== '.');
  const up = parts.findIndex((part) => part !== '..');
  const leading = up < 0 ? parts.length : up;
  if (parts.slice(leading).includes('..')) return `the link ${path} -> ${to} has ".." after a name`;
  const depth = path.split('/').length - 1;
  return leading > depth ? `the link ${path} -> ${to} leads out of the artifact` : undefined;
}

/** Why a path may not be in an artifact, or undefined when it may. */
export function pathProblem(path: string): string | undefined {
  if (path.includes('\0')) return `"${shownPath(path)}" is no text in UTF-8: rename it, an artifact is read on any machine`;
  if (path === '' || posix.isAbsolute(path) || path.includes('\\')) return `"${path}" is not a relative path`;
  return path.split('/').some((part) => part === '' || part === '.' || part === '..') ? `"${path}" is not a plain path` : undefined;
}
