import type { ChildProcess } from 'node:child_process';
import { copyFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { cardOf, encodeIdentity, newIdentity } from '#access';
import { SluiceError } from '#kernel';
import type { ControlClient, DeploymentWire, StatusWire } from '#server';
import type { ControlPlane } from '../control-plane.ts';
import type { Terminal } from '../terminal.ts';
import type { World } from '../world.ts';
import type { Author, Scratch } from './scratch.ts';
import { exitOf, SluiceProcess } from './sluice-process.ts';

/** Somebody of the story: what they commit with, and what they may approve as. */
export type Actor = {
  readonly author: Author;
  readonly functions: readonly string[];
  readonly identityFile: string;
  /** What whoever starts the control plane is given to let this person in. */
  readonly cardFile: string;
};

/** How long a control plane may take to answer on a machine that is busy, in milliseconds. */
const answerWithin = 60_000;

/** What the acts of the demo share: the scratch repository, the running control plane, and the people. */
export class Stage {
  readonly world: World;
  readonly terminal: Terminal;
  readonly scratch: Scratch;
  readonly plane: ControlPlane;
  readonly sluice: SluiceProcess;
  /** What is added to a deployment to say which pipeline runs: nothing for the default one. */
  readonly pipeline: readonly string[];
  #serve: ChildProcess | undefined;
  #cast: readonly Actor[] = [];

  constructor(given: {
    readonly world: World;
    readonly terminal: Terminal;
    readonly scratch: Scratch;
    readonly plane: ControlPlane;
    readonly pipeline: readonly string[];
  }) {
    this.world = given.world;
    this.terminal = given.terminal;
    this.scratch = given.scratch;
    this.plane = given.plane;
    this.pipeline = given.pipeline;
    this.sluice = new SluiceProcess(given.world, given.scratch.repository, join(given.scratch.folder, 'compiled'));
  }

  /** A heading, and what is about to be seen. */
  act(title: string, ...lines: readonly string[]): void {
    this.stopIfAsked();
    this.terminal.print('', this.terminal.style(['bold', 'cyan'], title), ...lines.map((line) => this.terminal.style('gray', `  ${line}`)));
  }

  /** Shows a command as a person would type it, then runs it. */
  async type(...args: readonly string[]): Promise<number> {
    this.show(...args);
    const code = await this.sluice.run(this.#typist, ...args);
    this.stopIfAsked();
    return code;
  }

  /** Whose commands these are: the first of the cast, who makes every change; approvers sign with `--file`. */
  get #typist(): string {
    return this.#cast[0]?.identityFile ?? '';
  }

  show(...args: readonly string[]): void {
    this.terminal.print(
      `${this.terminal.style('bold', '$')} sluice ${args.map((word) => (/\s/.test(word) ? `"${word}"` : word)).join(' ')}`,
    );
  }

  stopIfAsked(): void {
    if (this.world.interrupt.aborted) throw new SluiceError('conflict', 'the demo was stopped');
  }

  /** Starts the control plane in the background and waits until it answers. */
  async startServe(): Promise<{ readonly tookMs: number }> {
    const began = this.world.clock.monotonic();
    await rm(join(this.plane.stateFolder, 'serve.json'), { force: true });
    const log = join(this.scratch.folder, 'serve.log');
    const child = this.sluice.background(log, 'serve', ...this.firstPeople);
    this.#serve = child;
    await this.until('the control plane answers', async () => {
      if (child.exitCode !== null)
        throw new SluiceError('rolloutFailed', `sluice serve ended with exit code ${child.exitCode}`, { hint: `its output is in ${log}` });
      return (await this.plane.client()).about();
    });
    return { tookMs: this.world.clock.monotonic() - began };
  }

  /** Kills the control plane as a crash would. */
  async killServe(): Promise<void> {
    this.#serve?.kill('SIGKILL');
    if (this.#serve !== undefined) await exitOf(this.#serve);
  }

  /** Asks again and again until there is an answer; one that is refused because nobody answers yet is asked again. */
  async until<T>(what: string, ask: (client: ControlClient) => Promise<T | undefined>): Promise<T> {
    const deadline = this.world.clock.monotonic() + answerWithin;
    while (this.world.clock.monotonic() < deadline) {
      this.stopIfAsked();
      const answer = await this.plane
        .client()
        .then(ask)
        .catch((error: unknown) => {
          if (error instanceof SluiceError && error.code === 'unavailable') return undefined;
          throw error;
        });
      if (answer !== undefined) return answer;
      await this.world.clock.sleep(50);
    }
    throw new SluiceError('unavailable', `waited ${answerWithin / 1_000}s in vain until ${what}`, {
      hint: `look into ${this.scratch.folder}`,
    });
  }

  /** Somebody who takes part: an identity, and the card of it. All of them are among the first people, before the control plane runs. */
  async cast(author: Author, functions: readonly string[]): Promise<Actor> {
    const identity = newIdentity({ id: this.world.ids.uuid(), name: author.name, emails: [author.email], functions }, randomBytes(32));
    const file = (kind: string): string => join(this.scratch.folder, `${author.name.toLowerCase()}.${kind}.json`);
    const actor = { author, functions, identityFile: file('identity'), cardFile: file('card') };
    await writeFile(actor.identityFile, encodeIdentity(identity), { mode: 0o600 });
    await writeFile(actor.cardFile, JSON.stringify(cardOf(identity)));
    this.#cast = [...this.#cast, actor];
    return actor;
  }

  /** What `serve` is told of them. */
  get firstPeople(): readonly string[] {
    return this.#cast.flatMap(({ cardFile }) => ['--people', cardFile]);
  }

  /** Deploys into an environment that wants approvals: each approver signs what waits, in view of everybody. Answers with the exit code of the deployment. */
  async deployApproved(args: readonly string[], approvers: readonly Actor[]): Promise<number> {
    this.show(...args);
    const child = this.sluice.start(this.#typist, ...args);
    const signed = new Set<string>();
    while (child.exitCode === null && child.signalCode === null) {
      const waiting = await this.waiting();
      for (const deployment of waiting.filter((one) => !signed.has(one.id))) {
        signed.add(deployment.id);
        // The deployment says that it waits before anybody answers it.
        await this.world.clock.sleep(400);
        for (const { identityFile } of approvers) await this.type('approve', deployment.id, '--yes', '--file', identityFile);
      }
      await this.world.clock.sleep(100);
      this.stopIfAsked();
    }
    return exitOf(child);
  }

  async waiting(): Promise<readonly DeploymentWire[]> {
    try {
      const all = await (await this.plane.client()).deployments({});
      return all.filter((deployment) => deployment.state === 'waiting-approval');
    } catch (error) {
      if (error instanceof SluiceError && error.code === 'unavailable') return [];
      throw error;
    }
  }

  async status(service: string, environment: string): Promise<StatusWire | undefined> {
    return (await (await this.plane.client()).status({ service, environment }))[0];
  }

  /** Keeps the present checkpoint where a rewriting of the history would not reach it. */
  async keepCheckpoint(name: string): Promise<string> {
    const path = join(this.scratch.folder, name);
    await copyFile(join(this.plane.ledgerFolder, 'checkpoint'), path);
    return path;
  }
}
