export type { Listen } from './launch.ts';
export { startPostgres, startTemporaryPostgres, stopPostgresOf } from './postgres-server.ts';
export type { PostgresOptions, PostgresServer } from './postgres-server.ts';
