import { resolveInside, shownPath, type HeldFolder } from '#host';
import { SluiceError, type Glob } from '#kernel';

/** A link by its real path, and its text. */
type PassedLink = { readonly path: string; readonly text: string };

/**
 * What a pattern may match: `path` as the job names it, `real` where it lies. Of a `link`, `real` is the link itself and `to` the file it leads to, if it leads
 * to one; what lies in a folder behind a link is listed below the link's name. `via` are all links that are passed to the content.
 */
export type InputFile = {
  readonly path: string;
  readonly real: string;
  readonly via: readonly PassedLink[];
} & (
  | { readonly kind: 'file' | 'other' }
  | { readonly kind: 'link'; readonly text: string; readonly to: string | undefined }
  | { readonly kind: 'outside'; readonly because: string }
);

/** A folder that one looks into for a pattern: as the job names it, and where it lies. */
export type InputFolder = { readonly path: string; readonly real: string };

/** What lies at and below a path of the project; `over` are the links that are passed to the path itself. */
export type Listing = {
  readonly files: readonly InputFile[];
  readonly folders: readonly InputFolder[];
  readonly over: readonly PassedLink[];
};

/** Folders that are never inputs unless a pattern begins in them: other tools' and our own state. */
const ignored: ReadonlySet<string> = new Set(['.git', '.sluice', 'node_modules']);

/** Links to folders multiply what is listed: twenty folders with two links each are a million ways to one file. A project does no such thing. */
const most = { files: 100_000, folders: 1_000 } as const;

/** Lists what patterns may match, links followed as a job follows them, but never out of the project. */
export class InputFinder {
  readonly #folder: HeldFolder;
  readonly #project: string;
  #listings = new Map<string, Listing | undefined>();
  #found = new Map<Glob, Listing>();

  constructor(folder: HeldFolder, project: string) {
    this.#folder = folder;
    this.#project = project;
  }

  /** Something may have changed: folders must be listed again. */
  forget(): void {
    if (this.#listings.size > 0) this.#listings = new Map();
    if (this.#found.size > 0) this.#found = new Map();
  }

  /** What a pattern matches now; undefined when it is one path, and nothing is there. Throws what a person must change. */
  find(glob: Glob): Listing | undefined {
    const known = this.#found.get(glob);
    if (known !== undefined) return known;
    const listing = this.#list(glob.base);
    if (listing === undefined) return glob.literal ? undefined : nothing;
    const outside = listing.files.find((file) => file.kind === 'outside' && (glob.matches(file.path) || glob.reaches(file.path)));
    if (outside?.kind === 'outside') throw leadsOut(outside.because);
    const found = { ...listing, files: listing.files.filter(({ path }) => glob.matches(path)) };
    this.#found.set(glob, found);
    return found;
  }

  #list(base: string): Listing | undefined {
    if (this.#listings.has(base)) return this.#listings.get(base);
    const listing = this.#look(base);
    this.#listings.set(base, listing);
    return listing;
  }

  #look(base: string): Listing | undefined {
    const walk = new Walk(this.#folder, this.#project);
    return walk.from(base) ? walk : undefined;
  }
}

const nothing: Listing = { files: [], folders: [], over: [] };

class Walk implements Listing {
  readonly files: InputFile[] = [];
  readonly folders: InputFolder[] = [];
  over: readonly PassedLink[] = [];
  readonly #folder: HeldFolder;
  readonly #project: string;
  readonly #behindLinks = { files: 0, folders: 0 };

  constructor(folder: HeldFolder, project: string) {
    this.#folder = folder;
    this.#project = project;
  }

  /** Lists what lies at and below a path; false when nothing is there. */
  from(base: string): boolean {
    const stats = base === '' || base.includes('/') ? undefined : this.#folder.stats(base);
    // The one input of many jobs is a file of the project folder: it is looked at once.
    if (stats?.isFile() === true) return this.files.push({ path: base, real: base, kind: 'file', via: [] }) > 0;
    const found = resolveInside(this.#folder, this.#project, base);
    if (found.kind === 'refused') throw leadsOut(found.because);
    if (found.kind === 'missing') return false;
    this.over = found.links;
    this.#passed(base, found.path);
    if (found.stats.isDirectory()) this.#folderAt({ path: base, real: found.path }, [found.path], found.links);
    else this.files.push({ path: base, real: found.path, kind: found.stats.isFile() ? 'file' : 'other', via: found.links });
    return true;
  }

  #folderAt(folder: InputFolder, above: readonly string[], via: readonly PassedLink[]): void {
    this.folders.push(folder);
    for (const { name, kind } of this.#folder.list(folder.real)) {
      const path = folder.path === '' ? name : `${folder.path}/${name}`;
      const real = folder.real === '' ? name : `${folder.real}/${name}`;
      if (via.length > 0) this.#count('files', path);
      if (kind === 'link') this.#linkAt({ path, real }, above, via);
      else if (kind !== 'folder') this.files.push({ path, real, kind, via });
      else if (!ignored.has(name)) this.#folderAt({ path, real }, [...above, real], via);
    }
  }

  #linkAt({ path, real }: InputFolder, above: readonly string[], before: readonly PassedLink[]): void {
    const text = this.#folder.link(real);
    const found = resolveInside(this.#folder, this.#project, real);
    if (found.kind === 'refused') {
      this.files.push({ path, real, kind: 'outside', via: before, because: found.because });
      return;
    }
    const via = [...before, ...found.links];
    const isFolder = found.kind === 'found' && found.stats.isDirectory();
    this.files.push({ path, real, kind: 'link', text, via, to: found.kind === 'found' && !isFolder ? found.path : undefined });
    if (found.kind === 'missing') return;
    this.#passed(path, found.path);
    // Neither a folder that one is in already nor another tool's is entered.
    if (!isFolder || above.includes(found.path) || `${found.path}/${path}`.split('/').some((part) => ignored.has(part))) return;
    this.#count('folders', path);
    this.#folderAt({ path, real: found.path }, [...above, found.path], via);
  }

  #count(what: keyof typeof most, path: string): void {
    this.#behindLinks[what] += 1;
    if (this.#behindLinks[what] <= most[what]) return;
    throw new SluiceError('config', `more than ${most[what]} ${what} lie behind links, with "${shownPath(path)}"`, {
      hint: 'name the folders that the links lead to',
    });
  }

  /** The folders that one passes to a real path. */
  #passed(path: string, real: string): void {
    for (let cut = real.lastIndexOf('/'); cut > 0; cut = real.lastIndexOf('/', cut - 1))
      this.folders.push({ path, real: real.slice(0, cut) });
  }
}

const leadsOut = (because: string): SluiceError =>
  new SluiceError('config', `input ${because}: what it holds cannot be part of the key`, {
    hint: 'copy it into the project, or leave it out of the inputs',
  });
