import type { Stats } from 'node:fs';
import { shownPath } from './file-name.ts';
import type { HeldFolder } from './held-folder.ts';

/** Where a path leads when links are followed, as a program follows them: `path` is the real one, `links` are those that were passed, by their real paths. */
export type Resolved =
  | { readonly kind: 'found'; readonly path: string; readonly stats: Stats; readonly links: readonly PassedLink[] }
  | { readonly kind: 'missing'; readonly links: readonly PassedLink[] }
  | { readonly kind: 'refused'; readonly because: string };

type PassedLink = { readonly path: string; readonly text: string; readonly stats: Stats };

/** As many as Linux itself follows. */
const MOST_LINKS = 40;

/** Follows a path below a held folder, link by link; one that leads out is refused. `root` is the folder's own real path, for links that name it. */
export function resolveInside(folder: HeldFolder, root: string, path: string): Resolved {
  const open = path.split('/').toReversed();
  const real: string[] = [];
  const links: PassedLink[] = [];
  let stats: Stats | undefined = folder.stats('');
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (name === '' || name === '.') continue;
    if (name === '..') {
      if (real.pop() === undefined) return leadsOut(path, links);
      stats = folder.stats(real.join('/'));
      continue;
    }
    const here = [...real, name].join('/');
    stats = stats?.isDirectory() === true ? folder.stats(here) : undefined;
    if (stats === undefined) return { kind: 'missing', links };
    if (!stats.isSymbolicLink()) {
      real.push(name);
      continue;
    }
    const text = folder.link(here);
    links.push({ path: here, text, stats });
    if (links.length > MOST_LINKS) return { kind: 'refused', because: `"${shownPath(path)}" is a link in a circle` };
    if (text.startsWith('/')) {
      if (text !== root && !text.startsWith(`${root}/`)) return leadsOut(path, links);
      real.length = 0;
    }
    open.push(
      ...text
        .slice(text.startsWith('/') ? root.length : 0)
        .split('/')
        .toReversed(),
    );
    stats = folder.stats(real.join('/'));
  }
  return stats === undefined ? { kind: 'missing', links } : { kind: 'found', path: real.join('/'), stats, links };
}

function leadsOut(path: string, links: readonly PassedLink[]): Resolved {
  const last = links.at(-1);
  const over = last === undefined || last.path === path ? '' : `, over "${shownPath(last.path)}"`;
  return {
    kind: 'refused',
    because: `"${shownPath(path)}" leads out of the project${over}${last === undefined ? '' : `: a link to ${shownPath(last.text)}`}`,
  };
}
