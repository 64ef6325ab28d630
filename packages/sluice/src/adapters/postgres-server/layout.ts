import { dirname, join } from 'node:path';
import { socketPath } from '#host';

/** The files of one server below its data folder. */
export type Layout = {
  readonly folder: string;
  readonly pgdata: string;
  readonly logFile: string;
  readonly password: string;
  /** Holds the Unix socket; elsewhere when the data folder's path is too long for a socket address. */
  readonly socketFolder: string;
};

/** PostgreSQL names its socket by a port; no port of that number is opened. */
export const socketPort = 5432;

/** Where everything of the server in `folder` lies. */
export const layoutOf = (folder: string): Layout => ({
  folder,
  pgdata: join(folder, 'pgdata'),
  logFile: join(folder, 'postgres.log'),
  password: join(folder, 'password'),
  socketFolder: dirname(socketPath(folder, `.s.PGSQL.${socketPort}.lock`)),
});
