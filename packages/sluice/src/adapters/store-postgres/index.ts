export { isUnavailable, openDatabase } from './database.ts';
export type { Database, DatabaseOptions } from './database.ts';
export { openLedgerFolder } from './ledger-folder.ts';
export { migrate, readMigrations } from './migrations.ts';
export type { Migration } from './migrations.ts';
export { openStore } from './store.ts';
export type { PostgresStore } from './store.ts';
