import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { identifyProcess, socketPath, systemClock, systemIds } from '#host';
import { systemChance } from './chance.ts';
import { openControl } from './control-server.ts';
import { DataPlane } from './data-plane.ts';
import { Descriptors, openFilesLimit } from './descriptors.ts';
import { takeFolder } from './folder-lock.ts';
import { JournalDamage } from './journal.ts';
import { RouterControl } from './router-control.ts';
import { RoutingStore } from './routing-store.ts';

/** The router process: `router-main --state <folder> [--host <address>]`. Its standard output is its log file. */
const say = (line: string): void => void process.stdout.write(`${new Date(systemClock.now()).toISOString()} router: ${line}\n`);

async function main(): Promise<number | undefined> {
  const { values } = parseArgs({ options: { state: { type: 'string' }, host: { type: 'string', default: '127.0.0.1' } } });
  if (values.state === undefined) {
    say('needs --state <folder>');
    return 2;
  }
  const folder = resolve(values.state);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const self = identifyProcess(process.pid);
  if (self === undefined) throw new Error('cannot tell who I am');
  const holder = takeFolder(folder, self);
  if (holder.pid !== self.pid) {
    say(`another router (pid ${holder.pid}) serves ${folder}; nothing to do`);
    return 0;
  }
  const descriptors = new Descriptors(openFilesLimit());
  const plane = new DataPlane(values.host, {
    now: () => systemClock.now(),
    newGeneration: () => systemIds.next(),
    random: systemChance(),
    descriptors,
    say,
  });
  const { store, note } = await RoutingStore.open(folder, { clock: systemClock, onChange: (table) => plane.follow(table) });
  if (note !== undefined) say(note);
  await plane.restore(store.table);
  const control = await openControl(socketPath(folder, 'router'), {
    router: new RouterControl(store, plane, systemClock),
    identity: self,
    services: () => [...store.table.services.keys()],
  });
  say(`serving ${store.table.services.size} services for at most ${descriptors.mostClients} clients, pid ${self.pid}`);

  const stop = (): void => {
    control.close();
    plane.close();
    // Requests that run end first; then nothing keeps the process.
    setTimeout(() => process.exit(0), 10_000).unref();
    store.close();
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  // A fault in one connection must not take the traffic of all services with it: it is said, and the others go on.
  process.on('uncaughtException', (error) => say(`unexpected: ${error.stack ?? error.message}`));
  process.on('unhandledRejection', (reason) =>
    say(`unexpected: ${reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)}`),
  );
  return undefined;
}

try {
  const code = await main();
  if (code !== undefined) process.exitCode = code;
} catch (error) {
  say(
    error instanceof JournalDamage
      ? error.message
      : `cannot start: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
  );
  process.exitCode = 70;
}
