import { lstatSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock, Result } from '#kernel';
import { identifyProcess, isRunning, signalProcess, type ProcessIdentity } from '#host';
import type { Endpoint, InstanceStatus, InstanceUsage, SlotOrder, TargetProblem } from '#rollout';
import { afterLook, isFallen, isRisen, noLooks } from './health-count.ts';
import { lookAt, type HealthFinding } from './health-probe.ts';
import { httpCall } from './http-call.ts';
import { instanceHost } from './instance-environment.ts';
import { endOfLog, type LogEnd } from './instance-log.ts';
import { placeOf, type InstancePlace, type InstanceSite } from './instance-place.ts';
import { adoptProcess, untilGone, type Ending, type InstanceProcess } from './instance-process.ts';
import { readyStart, startProcess } from './instance-start.ts';
import { controlSocket, earlierControlSocket, logFolder, type Layout } from './layout.ts';
import { limitLog } from './log-limit.ts';
import { familyMembers, killFamily, listensOn, valuesOf, type Family } from './process-family.ts';
import type { InstanceRecord, Launch } from './slot-record.schema.ts';
import type { Measured } from './start-check.ts';
import type { Trigger } from './trigger-point.ts';
import type { Walls } from './walls.ts';

/** What an instance is started from, and how it reaches the world. */
export type InstancePlan = {
  readonly order: SlotOrder;
  readonly tree: string;
  readonly layout: Layout;
  readonly clock: Clock;
  /** What it is started in. */
  readonly walls: Walls;
  /** What lies on disk now: asked before each start. */
  readonly measure: () => Promise<Result<Measured, TargetProblem>>;
  readonly usageOf: (family: Family) => InstanceUsage | undefined;
  /** Whether no other instance of its slot takes traffic. */
  readonly isLast: () => boolean;
  /** Puts the record on disk, durably. */
  readonly save: (record: InstanceRecord) => Promise<void>;
  /** The endpoints of the slot may have changed. */
  readonly changed: () => void;
  readonly at: Trigger;
};

/** A starting instance is looked at this often, so that no start waits for a long interval. */
const STARTING_INTERVAL_MS = 25;
/** An instance that ran this long is restarted at once; one that falls over sooner waits longer each time. */
const STEADY_MS = 10_000;
const LONGEST_BACKOFF_MS = 5_000;
/** A drain request that is not answered in this time is left at that: SIGTERM follows anyway. */
const DRAIN_CALL_MS = 1_000;

/**
 * One supervised instance.
 *
 *   stopped ──begin──▶ starting ──`rise` good looks──▶ healthy ◀──▶ unhealthy  (after `fall` bad looks)
 *                         ▲                       │ (also from starting, after startWithin)
 *                         └──── back-off ◀── exited ◀── any of the three
 *   any ──stop──▶ stopping ──▶ stopped
 */
export class Instance {
  readonly #plan: InstancePlan;
  readonly #stopping = new AbortController();
  #record: InstanceRecord;
  #state: InstanceStatus['state'] = 'stopped';
  #looks = noLooks;
  /** Bad looks in a row, as they are told: those of a start that is within its time do not count. */
  #failures = 0;
  #exitNote: string | undefined;
  #healthNote: string | undefined;
  #quickExits = 0;
  #secrets: readonly string[] = [];
  /** Where in the log the words of this process begin. */
  #logFrom = 0;
  #starting: Promise<unknown> = Promise.resolve();
  #supervision: Promise<void> = Promise.resolve();

  constructor(plan: InstancePlan, record: InstanceRecord) {
    this.#plan = plan;
    this.#record = record;
    if (record.start.kind === 'none') return;
    // What is told before `begin` must not look like an outage: who asks in that moment may decide on it.
    this.#state =
      this.identity() === undefined ? 'exited' : record.start.kind === 'started' && record.start.healthy ? 'healthy' : 'starting';
  }

  /** Adopts the process that the record tells of, or starts one. Answers once it was started. */
  async begin(): Promise<void> {
    const first = this.#adoptOrStart();
    this.#starting = first;
    const process = await first;
    this.#supervision = this.#supervise(process);
  }

  status(): InstanceStatus {
    const { start } = this.#record;
    const note = this.#state === 'exited' ? this.#exitNote : (this.#healthNote ?? this.#exitNote);
    const alive = start.kind === 'started' && !['exited', 'stopped'].includes(this.#state);
    return {
      name: this.#record.name,
      state: this.#state,
      ...(alive ? { pid: start.pid, endpoint: endpointOf(start) } : {}),
      restarts: this.#record.restarts,
      healthFailuresInARow: this.#failures,
      ...(note === undefined ? {} : { note }),
      ...(this.#record.lastExit === undefined ? {} : { lastExit: this.#record.lastExit }),
      ...this.#usage(alive),
    };
  }

  #usage(alive: boolean): Pick<InstanceStatus, 'usage'> {
    const family = alive ? this.family() : undefined;
    const usage = family === undefined ? undefined : this.#plan.usageOf(family);
    return usage === undefined ? {} : { usage };
  }

  /** Everything that belongs to its process now; undefined while there is none. */
  family(): Family | undefined {
    const { start } = this.#record;
    return start.kind === 'none' ? undefined : familyOf(start);
  }

  /** The process of the service itself: inside of its walls, where there are some. */
  program(): ProcessIdentity | undefined {
    const leader = this.identity();
    const pid = leader === undefined ? undefined : this.#plan.walls.programOf(leader.pid);
    return pid === undefined ? undefined : identifyProcess(pid);
  }

  /** Where the running instance sees what it is given. */
  place(): InstancePlace {
    const { start } = this.#record;
    return placeOf(this.#site(start.kind === 'none' ? '' : start.token), this.#plan.walls.isolation);
  }

  #site(token: string): InstanceSite {
    const { layout, order, tree } = this.#plan;
    return { layout, order, tree, instance: this.#record.name, token };
  }

  /** Exactly which process runs now; undefined while none does. */
  identity(): ProcessIdentity | undefined {
    const { start } = this.#record;
    if (start.kind !== 'started') return undefined;
    const identity = { pid: start.pid, startTicks: start.startTicks };
    return isRunning(identity) ? identity : undefined;
  }

  /** Drains, SIGTERM, deadline, SIGKILL of everything it started. Answers with the processes that would not die. */
  async stop(): Promise<readonly number[]> {
    this.#stopping.abort();
    this.#state = 'stopping';
    await this.#starting;
    const { start } = this.#record;
    if (start.kind !== 'none') {
      const leader = this.#leaderOf(start);
      if (leader !== undefined) await this.#askToStop(leader, start);
      const left = await killFamily(familyOf(start), this.#plan.clock);
      if (left.length > 0) return left;
      await this.#supervision;
      await this.#removeControl(start);
      await this.#saveStart({ kind: 'none' });
    }
    this.#state = 'stopped';
    this.#healthNote = undefined;
    return [];
  }

  async #askToStop(leader: ProcessIdentity, start: Launch): Promise<void> {
    const { clock, layout, order, at } = this.#plan;
    const socket = [controlSocket, earlierControlSocket].map((of) => of(layout, start.token)).find(isSocket);
    if (socket !== undefined)
      await httpCall(
        { socketPath: socket },
        { method: 'POST', path: '/drain', headers: { authorization: `Bearer ${start.token}` }, within: DRAIN_CALL_MS },
      );
    signalProcess(leader, 'SIGTERM');
    await at('retire:asked');
    const patience = new AbortController();
    await Promise.race([untilGone(leader, clock, patience.signal), clock.sleep(order.stopWithin, patience.signal).catch(() => undefined)]);
    if (isRunning(leader)) this.#exitNote = `ignored SIGTERM for ${order.stopWithin} ms and was killed`;
    patience.abort();
  }

  async #adoptOrStart(): Promise<InstanceProcess | undefined> {
    const { start } = this.#record;
    if (start.kind === 'none') return this.#start();
    const leader = this.#leaderOf(start);
    if (leader !== undefined) {
      this.#state = start.kind === 'started' && start.healthy ? 'healthy' : 'starting';
      // What it was given stands in its own environment: the store may hold other values by now.
      this.#secrets = valuesOf(familyOf(start), this.#plan.order.secrets);
      if (start.kind === 'intended')
        await this.#saveStart({ ...start, kind: 'started', ...leader, healthy: false }).catch(
          (error: Error) => (this.#healthNote = `state not saved: ${error.message}`),
        );
      return adoptProcess(leader, this.#plan.clock);
    }
    await killFamily(familyOf(start), this.#plan.clock);
    if (start.kind === 'intended') return this.#start();
    await this.#ended({ how: { kind: 'unknown' }, words: 'exited while no agent ran' }, 'secrets-not-known');
    this.#record = { ...this.#record, restarts: this.#record.restarts + 1 };
    return this.#start();
  }

  /** The process that leads an instance: the recorded one, or, when the agent died before it could record it, the one with the token. */
  #leaderOf(start: Launch): ProcessIdentity | undefined {
    if (start.kind === 'started') return this.identity();
    return familyMembers(familyOf(start)).toSorted((a, b) => a.startTicks - b.startTicks || a.pid - b.pid)[0];
  }

  async #supervise(first: InstanceProcess | undefined): Promise<void> {
    const { clock } = this.#plan;
    let process = first;
    while (!this.#stopping.signal.aborted) {
      const startedAt = clock.monotonic();
      if (process !== undefined)
        await this.#watch(process).catch((error: Error) => {
          this.#exitNote = error.message;
          this.#state = 'exited';
        });
      if (this.#stopping.signal.aborted) return;
      const steady = process !== undefined && clock.monotonic() - startedAt >= STEADY_MS;
      this.#quickExits = steady ? 0 : this.#quickExits + 1;
      await clock
        .sleep(steady ? 0 : Math.min(LONGEST_BACKOFF_MS, 50 * 2 ** this.#quickExits), this.#stopping.signal)
        .catch(() => undefined);
      if (this.#stopping.signal.aborted) return;
      this.#record = { ...this.#record, restarts: this.#record.restarts + 1 };
      const again = this.#start();
      this.#starting = again;
      process = await again;
    }
  }

  /** Looks at its health until it exits; takes it out of the router at once then, before anything else. */
  async #watch(process: InstanceProcess): Promise<void> {
    const { start } = this.#record;
    if (start.kind !== 'started') return;
    const gone = new AbortController();
    const looking = this.#lookUntil(gone.signal, start);
    const ending = await process.exited;
    if (!this.#stopping.signal.aborted) this.#state = 'exited';
    this.#plan.changed();
    gone.abort();
    if (!this.#stopping.signal.aborted) await this.#ended(ending);
    await killFamily(familyOf(start), this.#plan.clock);
    await this.#removeControl(start);
    await looking;
  }

  async #lookUntil(gone: AbortSignal, start: Launch): Promise<void> {
    const { clock, order } = this.#plan;
    const since = clock.monotonic();
    for (let look = 0; !gone.aborted && !this.#stopping.signal.aborted; look += 1) {
      const finding = await lookAt(order.health, endpointOf(start));
      if (gone.aborted || this.#stopping.signal.aborted) return;
      // Without descriptors nobody can look at processes: that must not end the agent, nor be taken for the instance's fault.
      await this.#judge(finding, { start, late: clock.monotonic() - since > order.startWithin }).catch(
        (error: Error) => (this.#healthNote = `cannot be looked at: ${error.message}`),
      );
      if (look % 64 === 63) await limitLog(this.#logFile()).catch(() => undefined); // on a full disk the copy fails, the instance must not
      const interval = this.#state === 'starting' ? Math.min(STARTING_INTERVAL_MS, order.health.interval) : order.health.interval;
      await clock.sleep(Math.max(1, interval), AbortSignal.any([gone, this.#stopping.signal])).catch(() => undefined);
    }
  }

  async #judge(finding: HealthFinding, seen: { readonly start: Launch; readonly late: boolean }): Promise<void> {
    const { order, isLast } = this.#plan;
    if (finding.kind === 'yes') {
      if (this.#state !== 'healthy' && listensOn(familyOf(seen.start), seen.start.port) === false)
        return this.#judge({ kind: 'no', note: `port ${seen.start.port} is held by another process` }, seen);
      this.#looks = afterLook(this.#looks, 'good');
      this.#failures = 0;
      this.#healthNote = undefined;
      if (this.#state === 'healthy' || !isRisen(this.#looks, order.health)) return;
      // On disk before the router hears of it: the next agent must not take a serving instance out because it never heard that it was healthy.
      await this.#rememberHealth(true);
      this.#turn('healthy');
      return;
    }
    this.#looks = afterLook(this.#looks, 'bad');
    this.#healthNote = finding.note;
    if (this.#state === 'starting') {
      if (!seen.late) return;
      this.#healthNote = `never healthy in ${order.startWithin} ms: ${finding.note}`;
    }
    this.#failures += 1;
    if (!isFallen(this.#looks, order.health, { state: this.#state, isLast: isLast() })) return;
    const was = this.#state;
    this.#turn('unhealthy');
    if (was === 'healthy') await this.#rememberHealth(false);
  }

  #turn(state: 'healthy' | 'unhealthy'): void {
    if (this.#stopping.signal.aborted || this.#state === 'exited') return;
    this.#state = state;
    this.#plan.changed();
  }

  /** Measured, intent on disk, process, identity on disk (I4, I6). Undefined, with a note, when it could not be started. */
  async #start(): Promise<InstanceProcess | undefined> {
    const { order, layout, walls, measure, at } = this.#plan;
    this.#looks = noLooks;
    this.#failures = 0;
    this.#healthNote = undefined;
    try {
      const ready = await readyStart({ order, layout, walls, measure });
      if (!ready.ok) return this.#refused(ready.error.message);
      const { launch, secrets } = ready.value;
      this.#secrets = Object.values(secrets);
      await this.#saveStart({ kind: 'intended', ...launch });
      await at('start:intended');
      if (this.#stopping.signal.aborted) return undefined;
      const started = await startProcess({ ...this.#site(launch.token), walls, logFile: this.#logFile() }, ready.value);
      if (!started.ok) return this.#refused(started.error.message);
      const process = started.value;
      this.#logFrom = process.from;
      await at('start:spawned');
      if (process.identity === undefined) return this.#notStarted(await process.exited);
      await this.#saveStart({ kind: 'started', ...launch, ...process.identity, healthy: false });
      await at('start:recorded');
      this.#state = this.#stopping.signal.aborted ? 'stopping' : 'starting';
      return process;
    } catch (error) {
      return this.#notStarted({ how: { kind: 'unknown' }, words: error instanceof Error ? error.message : String(error) });
    }
  }

  /** Nothing ran, so nothing ended: it stays down with the reason, is counted, and tried again later. */
  #refused(why: string): undefined {
    this.#exitNote = why;
    this.#state = this.#stopping.signal.aborted ? 'stopping' : 'exited';
    return undefined;
  }

  async #notStarted(ending: Ending): Promise<undefined> {
    const { start } = this.#record;
    if (start.kind !== 'none') await killFamily(familyOf(start), this.#plan.clock).catch(() => undefined);
    await this.#ended(ending);
    this.#state = this.#stopping.signal.aborted ? 'stopping' : 'exited';
    return undefined;
  }

  async #rememberHealth(healthy: boolean): Promise<void> {
    const { start } = this.#record;
    if (start.kind !== 'started') return;
    // A full disk must not keep a healthy instance from its traffic: the note is for the next agent only.
    await this.#saveStart({ ...start, healthy }).catch((error: Error) => (this.#healthNote = `state not saved: ${error.message}`));
  }

  async #saveStart(start: InstanceRecord['start']): Promise<void> {
    this.#record = { ...this.#record, start };
    await this.#plan.save(this.#record);
  }

  /** Keeps how a process ended that nobody had asked to, with its last words: the cause of what is seen of it elsewhere. */
  async #ended(ending: Ending, secrets: 'secrets-known' | 'secrets-not-known' = 'secrets-known'): Promise<void> {
    const named = this.#plan.order.secrets.length;
    // Words that cannot be freed of secrets, because nobody knows them any more, are not told (I11).
    const mute = named > 0 && (secrets === 'secrets-not-known' || this.#secrets.length < named);
    const said: LogEnd = mute
      ? { telling: '', lines: [] }
      : await endOfLog(this.#logFile(), { secrets: this.#secrets, from: this.#logFrom });
    this.#exitNote = said.telling === '' ? ending.words : `${ending.words}: ${said.telling}`;
    this.#record = { ...this.#record, lastExit: { how: ending.how, at: this.#plan.clock.now(), lastLines: said.lines } };
  }

  async #removeControl({ token }: Launch): Promise<void> {
    const { layout } = this.#plan;
    await rm(dirname(controlSocket(layout, token)), { recursive: true, force: true });
    await rm(earlierControlSocket(layout, token), { force: true });
  }

  #logFile(): string {
    const { layout, order } = this.#plan;
    return join(logFolder(layout, order.service, order.slot), `${this.#record.name}.log`);
  }
}

/** The instance may put what it likes there: a link would lead to a socket of somebody else. */
const isSocket = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true;

const endpointOf = (start: Launch): Endpoint => ({ host: instanceHost, port: start.port });

const familyOf = (start: Launch): Family =>
  start.kind === 'started' ? { leader: { pid: start.pid, startTicks: start.startTicks }, token: start.token } : { token: start.token };
