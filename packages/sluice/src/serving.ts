import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { identifyProcess, isRunning, systemClock, systemIds, writeFileDurably, type ProcessIdentity } from '#host';
import { addressFile } from '#server';

/** One file for each control plane of a state folder. */
const seatFolder = 'serving';
/** How often a control plane looks whether commands still find one that runs, in milliseconds. */
const lookEvery = 250;

type Seat = { readonly executor: string; readonly process: ProcessIdentity };

/**
 * Takes a place among the control planes of a state folder and answers with its name in the database. Several may serve one folder, each under a name of its own; a place
 * whose holder is dead is taken over with its name, so that work goes on at once after a restart. Names are random and tell nothing of the host (I10).
 * Two who look at the same time would take the same place: the caller lets only one do so at a time.
 */
export async function takeSeat(stateFolder: string): Promise<string> {
  const self = identifyProcess(process.pid);
  if (self === undefined) throw new Error('this process does not find itself');
  await mkdir(join(stateFolder, seatFolder), { recursive: true, mode: 0o700 });
  for (let number = 1; ; number += 1) {
    const path = join(stateFolder, seatFolder, `${number}.json`);
    const seat = await readSeat(path);
    if (seat !== undefined && isRunning(seat.process)) continue;
    const executor = seat?.executor ?? systemIds.uuid();
    await writeFileDurably(path, `${JSON.stringify({ executor, process: self } satisfies Seat)}\n`);
    return executor;
  }
}

/** The control planes that run on a state folder. */
export async function servingProcesses(stateFolder: string): Promise<readonly ProcessIdentity[]> {
  const folder = join(stateFolder, seatFolder);
  const names = await readdir(folder).catch(() => []);
  const seats = await Promise.all(names.map(async (name) => readSeat(join(folder, name))));
  return seats.flatMap((seat) => (seat !== undefined && isRunning(seat.process) ? [seat.process] : []));
}

/** What commands read to find a control plane. */
export type Address = { readonly url: string; readonly token: string; readonly plane: string; readonly pid: number };

/** Makes commands find this control plane again when the one they were told of is gone, until the signal aborts; then they are told of this one no more. */
export async function keepAddress(stateFolder: string, address: Address, signal: AbortSignal): Promise<void> {
  const path = join(stateFolder, addressFile);
  while (!signal.aborted) {
    const told = await addressedPid(path);
    if (told === undefined || identifyProcess(told) === undefined) await writeAddress(stateFolder, address);
    await systemClock.sleep(lookEvery, signal).catch(() => undefined);
  }
  if ((await addressedPid(path)) === address.pid) await rm(path, { force: true });
}

/** Makes commands find this control plane from now on. */
export const writeAddress = async (stateFolder: string, address: Address): Promise<void> =>
  writeFileDurably(join(stateFolder, addressFile), `${JSON.stringify(address)}\n`, 0o600);

async function addressedPid(path: string): Promise<number | undefined> {
  try {
    const { pid } = JSON.parse(await readFile(path, 'utf8')) as { readonly pid?: unknown };
    return typeof pid === 'number' ? pid : undefined;
  } catch {
    return undefined;
  }
}

async function readSeat(path: string): Promise<Seat | undefined> {
  try {
    const seat = JSON.parse(await readFile(path, 'utf8')) as { readonly executor?: unknown; readonly process?: Partial<ProcessIdentity> };
    const { pid, startTicks } = seat.process ?? {};
    if (typeof seat.executor !== 'string' || pid === undefined || startTicks === undefined) return undefined;
    return { executor: seat.executor, process: { pid, startTicks } };
  } catch {
    // No such file, or one that a power cut emptied: nobody's place.
    return undefined;
  }
}
