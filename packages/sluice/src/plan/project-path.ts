import { globProblem } from '#kernel';

/** What a path of a definition is for. */
export type PathUse = 'glob' | 'made';

/** What is wrong with a path of a definition, or undefined: it must be relative, and stay inside the project on every machine. */
export function pathProblem(path: string, use: PathUse): string | undefined {
  if (path.trim() === '') return 'the path is empty';
  if (path.includes('\\')) return 'write / between folders, on every system';
  if (path.startsWith('/') || /^[A-Za-z]:/.test(path) || path.startsWith('~')) return 'write it relative to the project';
  // oxlint-disable-next-line no-control-regex -- they are what must not be there
  if (/[\u0000-\u001F\u007F]/.test(path)) return 'the path holds a control character';
  const segments = path.split('/');
  if (segments.includes('..')) return 'it leads out of the project';
  if (use === 'glob') {
    if (normalPath(path) === '') return 'write ** for the whole project';
    if (path.startsWith('!')) return 'a pattern says what belongs, not what does not. Leave the "!" out, and name what belongs';
    return globProblem(path);
  }
  if (/[*?]/.test(path)) return 'name the file or folder that is made, not a pattern';
  const [first] = normalPath(path).split('/');
  if (first === '' || first === undefined) return 'the whole project cannot be what a job makes. Name a folder in it';
  if (first === '.git' || first === '.sluice') return `${first} is not for jobs to write`;
  return undefined;
}

/** One spelling for each path: no `./`, no doubled or closing slash. */
export const normalPath = (path: string): string =>
  path
    .split('/')
    .filter((segment) => segment !== '' && segment !== '.')
    .join('/');

/** Whether one of two normal paths is the other, or lies in it. */
export const overlap = (a: string, b: string): boolean => a === b || a.startsWith(`${b}/`) || b.startsWith(`${a}/`);
