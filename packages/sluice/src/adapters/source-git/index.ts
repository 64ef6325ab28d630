export { gitSource } from './source.ts';
