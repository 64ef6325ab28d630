import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { isRunning, isWorld, processWorld, removeTree, type OwnFolder, type ProcessIdentity } from '#host';

/**
 * What is needed to end what a run left when it was killed. It lies in a folder of this user outside of any working tree, under a random name: a lock
 * or a journal that came with a commit may name whatever it likes, but nothing is ended or removed that is not written here.
 */
export type BookedRun = {
  /** Names its temporary folder and its pages. */
  readonly name: string;
  readonly runId: string;
  /** Its run directory. */
  readonly folder: string;
  readonly owner: ProcessIdentity;
  /** In which world the numbers of processes mean something. */
  readonly world: string;
};

/** A run whose page is open: processes that it starts are written down before anything else happens to them. */
export type OpenPage = {
  readonly name: string;
  /** Its temporary folder. */
  readonly scratch: string;
  add(leader: ProcessIdentity): void;
  close(): void;
};

const nameForm = /^r-[A-Za-z0-9]{6}$/;
/** The journal of a run of some hundred thousand steps. */
const mostBytes = 16 * 2 ** 20;

/** What the environment of every process of a run says, before a dot and the number of its task. */
export const markOf = ({ runId, name }: Pick<BookedRun, 'runId' | 'name'>): string => `${runId}.${name}`;

/** The runs of this user that work on this machine, or were killed on it. */
export class RunBook {
  readonly #folder: OwnFolder;

  constructor(folder: OwnFolder) {
    this.#folder = folder;
  }

  /** Makes the temporary folder of a run and its page. The path is short: jobs may put sockets there, whose addresses have room for about a hundred characters. */
  open(run: Omit<BookedRun, 'name' | 'world'>): OpenPage {
    const name = basename(mkdtempSync(this.#folder.inside('r-')));
    const draft = this.#folder.inside(`${name}.draft`);
    writeFileSync(draft, JSON.stringify({ ...run, name, world: processWorld() } satisfies BookedRun), { mode: 0o600 });
    renameSync(draft, this.#page(name));
    const processes = openSync(this.#processes(name), 'a', 0o600);
    return {
      name,
      scratch: join(this.#folder.path, name),
      add: ({ pid, startTicks }) => void writeSync(processes, `${pid} ${startTicks}\n`),
      close: () => {
        closeSync(processes);
        this.forget(name);
      },
    };
  }

  /** The page of a run, if this user ever had one of that name. */
  find(name: string): BookedRun | undefined {
    const text = nameForm.test(name) ? readText(this.#page(name)) : undefined;
    const run = text === undefined ? undefined : parse(text);
    return run?.name === name ? run : undefined;
  }

  /** Runs that were killed, in this very world: in another one their numbers mean somebody else. What is from before a restart is only removed. */
  dead(): readonly BookedRun[] {
    const pages = readdirSync(this.#folder.inside('.')).filter((file) => file.endsWith('.json'));
    const runs = pages.map((file) => this.find(file.slice(0, -'.json'.length)));
    return runs.filter((run) => run !== undefined).filter((run) => this.#isDead(run));
  }

  #isDead(run: BookedRun): boolean {
    const where = isWorld(run.world);
    if (where === 'over') this.forget(run.name);
    return where === 'here' && !isRunning(run.owner);
  }

  /** The leaders of everything a run started. */
  leaders(name: string): ReadonlyMap<number, number> {
    const lines = readText(this.#processes(name))?.split('\n') ?? [];
    const pairs = lines.map((line) => line.split(' ').map(Number));
    return new Map(pairs.flatMap(([pid = 0, startTicks = -1]) => (pid > 1 && startTicks >= 0 ? [[pid, startTicks] as const] : [])));
  }

  /** Removes the temporary folder of a run and its pages. */
  forget(name: string): void {
    if (!nameForm.test(name)) return;
    removeTree(this.#folder.inside(name));
    for (const path of [this.#processes(name), this.#page(name)]) rmSync(path, { force: true });
  }

  #page(name: string): string {
    return this.#folder.inside(`${name}.json`);
  }

  #processes(name: string): string {
    return this.#folder.inside(`${name}.processes`);
  }
}

function readText(path: string): string | undefined {
  try {
    return statSync(path).size > mostBytes ? undefined : readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** A page that is not whole is no page: whoever wrote it was killed before its run began. */
function parse(text: string): BookedRun | undefined {
  try {
    const { name, runId, folder, owner, world } = (JSON.parse(text) ?? {}) as Partial<Record<keyof BookedRun, unknown>>;
    if (typeof name !== 'string' || typeof runId !== 'string' || typeof folder !== 'string' || typeof world !== 'string') return undefined;
    return isIdentity(owner) ? { name, runId, folder, owner, world } : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a value from a file is the identity of a process. */
export function isIdentity(value: unknown): value is ProcessIdentity {
  if (typeof value !== 'object' || value === null) return false;
  const { pid, startTicks } = value as Partial<Record<keyof ProcessIdentity, unknown>>;
  return Number.isInteger(pid) && Number(pid) > 0 && Number.isInteger(startTicks) && Number(startTicks) >= 0;
}
