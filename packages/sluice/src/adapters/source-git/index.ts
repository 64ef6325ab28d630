export { committedFiles } from './commit-files.ts';
export { gitSource } from './source.ts';
