import { readdirSync, readFileSync } from 'node:fs';
import type { Clock } from '#kernel';
import type { InstanceUsage } from '#rollout';
import { markVariable, type Family } from './process-family.ts';

/** One process as /proc tells of it. */
type Row = {
  readonly pid: number;
  readonly session: number;
  readonly token: string | undefined;
  readonly memoryBytes: number;
  readonly cpuMs: number;
};

/** A look at every process costs some milliseconds: who asks more often is told what was seen then. */
const FRESH_MS = 500;
/** So often a process without a mark is asked for it. */
const LOOKS = 4;
/** Linux counts processor time in hundredths of a second, whatever its own clock does (USER_HZ), and memory in pages. */
const TICK_MS = 10;
const PAGE_BYTES = 4_096;

/** What the processes of this host use, looked at as a whole and at most twice a second, however many instances there are. */
export class ProcessTable {
  readonly #clock: Clock;
  /** A process keeps the mark that it was started with; read once for each, because the environment is the costly part. One without a mark is asked again a few times: a child may not have become its program yet. */
  #tokens = new Map<string, { readonly token: string | undefined; readonly looks: number }>();
  #rows: readonly Row[] = [];
  #at = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What a family uses together, or undefined when none of it runs, or the system does not tell. */
  usageOf(family: Family): InstanceUsage | undefined {
    if (process.platform !== 'linux') return undefined;
    if (this.#clock.monotonic() - this.#at >= FRESH_MS) this.#look();
    const members = this.#rows.filter((row) => row.token === family.token || row.session === family.leader?.pid);
    if (members.length === 0) return undefined;
    return {
      memoryBytes: members.reduce((sum, row) => sum + row.memoryBytes, 0),
      cpuMs: members.reduce((sum, row) => sum + row.cpuMs, 0),
    };
  }

  #look(): void {
    const seen = new Map<string, { readonly token: string | undefined; readonly looks: number }>();
    this.#rows = processIds().flatMap((pid) => {
      const fields = statOf(pid);
      if (fields === undefined) return [];
      const number = (at: number): number => Number(fields[at - 3]);
      const name = `${pid} ${fields[19]}`;
      const known = this.#tokens.get(name);
      const settled = known !== undefined && (known.token !== undefined || known.looks >= LOOKS);
      const token = settled ? known.token : tokenOf(pid);
      seen.set(name, { token, looks: (known?.looks ?? 0) + 1 });
      const cpu = number(14) + number(15) + number(16) + number(17);
      return [{ pid, session: number(6), token, memoryBytes: number(24) * PAGE_BYTES, cpuMs: cpu * TICK_MS }];
    });
    this.#tokens = seen;
    this.#at = this.#clock.monotonic();
  }
}

function processIds(): readonly number[] {
  try {
    return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
  } catch {
    return [];
  }
}

/** The fields of /proc/<pid>/stat after the name, the third one first; undefined when the process is gone. */
function statOf(pid: number): readonly string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

function tokenOf(pid: number): string | undefined {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
    return environment.find((line) => line.startsWith(`${markVariable}=`))?.slice(markVariable.length + 1);
  } catch {
    return undefined;
  }
}
