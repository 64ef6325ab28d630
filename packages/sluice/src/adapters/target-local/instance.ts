import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '#kernel';
import { isRunning, signalProcess, type ProcessIdentity } from '#host';
import type { Endpoint, InstanceStatus, SlotOrder } from '#rollout';
import { findFreePort } from './free-port.ts';
import { lookAt, type HealthFinding } from './health-probe.ts';
import { httpCall } from './http-call.ts';
import { instanceEnvironment, instanceHost } from './instance-environment.ts';
import { adoptProcess, lastWords, spawnInstance, untilGone, type InstanceProcess } from './instance-process.ts';
import { controlSocket, logFolder, type Layout } from './layout.ts';
import { limitLog } from './log-limit.ts';
import { familyMembers, killFamily, listensOn, type Family } from './process-family.ts';
import { readSecrets } from './secrets.ts';
import type { InstanceRecord, Launch } from './slot-record.schema.ts';
import type { Trigger } from './trigger-point.ts';

/** What an instance is started from, and how it reaches the world. */
export type InstancePlan = {
  readonly order: SlotOrder;
  readonly tree: string;
  readonly program: string;
  readonly layout: Layout;
  readonly clock: Clock;
  /** Puts the record on disk, durably. */
  readonly save: (record: InstanceRecord) => Promise<void>;
  /** The endpoints of the slot may have changed. */
  readonly changed: () => void;
  readonly at: Trigger;
};

/** Answers missed in a row until a slow instance counts as unhealthy: one late answer on a busy machine is no fault, and taking out the only instance is an outage. */
const SILENCES = 3;
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
 *   stopped ──begin──▶ starting ──first 200──▶ healthy ◀──▶ unhealthy
 *                         ▲                       │ (also from starting, after startWithin)
 *                         └──── back-off ◀── exited ◀── any of the three
 *   any ──stop──▶ stopping ──▶ stopped
 */
export class Instance {
  readonly #plan: InstancePlan;
  readonly #stopping = new AbortController();
  #record: InstanceRecord;
  #state: InstanceStatus['state'] = 'stopped';
  #failures = 0;
  #exitNote: string | undefined;
  #healthNote: string | undefined;
  #quickExits = 0;
  #secrets: readonly string[] = [];
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
    };
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
      await rm(controlSocket(this.#plan.layout, start.token), { force: true });
      await this.#saveStart({ kind: 'none' });
    }
    this.#state = 'stopped';
    this.#healthNote = undefined;
    return [];
  }

  async #askToStop(leader: ProcessIdentity, start: Launch): Promise<void> {
    const { clock, layout, order, at } = this.#plan;
    await httpCall(
      { socketPath: controlSocket(layout, start.token) },
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
      if (start.kind === 'intended')
        await this.#saveStart({ ...start, kind: 'started', ...leader, healthy: false }).catch(
          (error: Error) => (this.#healthNote = `state not saved: ${error.message}`),
        );
      return adoptProcess(leader, this.#plan.clock);
    }
    await killFamily(familyOf(start), this.#plan.clock);
    if (start.kind === 'intended') return this.#start();
    this.#exitNote = await this.#withLastWords('exited while no agent ran');
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
      if (process !== undefined) await this.#watch(process).catch((error: Error) => (this.#exitNote = error.message));
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
    if (!this.#stopping.signal.aborted) this.#exitNote = await this.#withLastWords(ending);
    await killFamily(familyOf(start), this.#plan.clock);
    await rm(controlSocket(this.#plan.layout, start.token), { force: true });
    await looking;
  }

  async #lookUntil(gone: AbortSignal, start: Launch): Promise<void> {
    const { clock, order } = this.#plan;
    const since = clock.monotonic();
    for (let look = 0; !gone.aborted && !this.#stopping.signal.aborted; look += 1) {
      const finding = await lookAt(order.health, endpointOf(start));
      if (gone.aborted || this.#stopping.signal.aborted) return;
      await this.#judge(finding, { start, late: clock.monotonic() - since > order.startWithin });
      if (look % 64 === 63) await limitLog(this.#logFile()).catch(() => undefined); // on a full disk the copy fails, the instance must not
      const interval = this.#state === 'starting' ? Math.min(STARTING_INTERVAL_MS, order.health.interval) : order.health.interval;
      await clock.sleep(Math.max(1, interval), AbortSignal.any([gone, this.#stopping.signal])).catch(() => undefined);
    }
  }

  async #judge(finding: HealthFinding, seen: { readonly start: Launch; readonly late: boolean }): Promise<void> {
    if (finding.kind === 'yes') {
      if (this.#state !== 'healthy' && listensOn(familyOf(seen.start), seen.start.port) === false)
        return this.#judge({ kind: 'no', note: `port ${seen.start.port} is held by another process` }, seen);
      this.#failures = 0;
      this.#healthNote = undefined;
      if (this.#state === 'healthy') return;
      // On disk before the router hears of it: the next agent must not take a serving instance out because it never heard that it was healthy.
      await this.#rememberHealth(true);
      this.#turn('healthy');
      return;
    }
    this.#healthNote = finding.note;
    if (this.#state === 'starting') {
      if (!seen.late) return;
      this.#healthNote = `never healthy in ${this.#plan.order.startWithin} ms: ${finding.note}`;
    }
    this.#failures += 1;
    if (this.#state === 'healthy' && finding.kind === 'silent' && this.#failures < SILENCES) return;
    const was = this.#state;
    this.#turn('unhealthy');
    if (was === 'healthy') await this.#rememberHealth(false);
  }

  #turn(state: 'healthy' | 'unhealthy'): void {
    if (this.#stopping.signal.aborted || this.#state === 'exited') return;
    this.#state = state;
    this.#plan.changed();
  }

  /** Intent on disk, process, identity on disk (I4). Undefined, with a note, when it could not be started. */
  async #start(): Promise<InstanceProcess | undefined> {
    const { order, layout, tree, program, at } = this.#plan;
    this.#failures = 0;
    this.#healthNote = undefined;
    try {
      const secrets = await readSecrets(layout.secrets, order.service.split('/')[0] ?? '', order.secrets);
      if (!secrets.ok) return this.#notStarted(secrets.error.message);
      this.#secrets = Object.values(secrets.value);
      const launch = { port: await findFreePort(instanceHost), token: randomBytes(24).toString('hex') };
      await this.#saveStart({ kind: 'intended', ...launch });
      await at('start:intended');
      if (this.#stopping.signal.aborted) return undefined;
      await mkdir(logFolder(layout, order.service, order.slot), { recursive: true, mode: 0o700 });
      const process = await spawnInstance({
        program,
        argv: order.start,
        cwd: tree,
        env: instanceEnvironment(layout, order, { instance: this.#record.name, ...launch }, secrets.value),
        logFile: this.#logFile(),
      });
      await at('start:spawned');
      if (process.identity === undefined) return this.#notStarted(await process.exited);
      await this.#saveStart({ kind: 'started', ...launch, ...process.identity, healthy: false });
      await at('start:recorded');
      this.#state = this.#stopping.signal.aborted ? 'stopping' : 'starting';
      return process;
    } catch (error) {
      return this.#notStarted(error instanceof Error ? error.message : String(error));
    }
  }

  async #notStarted(why: string): Promise<undefined> {
    const { start } = this.#record;
    if (start.kind !== 'none') await killFamily(familyOf(start), this.#plan.clock);
    this.#exitNote = await this.#withLastWords(why);
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

  async #withLastWords(ending: string): Promise<string> {
    const words = await lastWords(this.#logFile(), this.#secrets);
    return words === '' ? ending : `${ending}: ${words}`;
  }

  #logFile(): string {
    const { layout, order } = this.#plan;
    return join(logFolder(layout, order.service, order.slot), `${this.#record.name}.log`);
  }
}

const endpointOf = (start: Launch): Endpoint => ({ host: instanceHost, port: start.port });

const familyOf = (start: Launch): Family =>
  start.kind === 'started' ? { leader: { pid: start.pid, startTicks: start.startTicks }, token: start.token } : { token: start.token };
