import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Finding, ServiceTrial } from '#cli';
import type { Service } from '#define';
import { siblingModule, systemClock } from '#host';
import { own, SluiceError, type Digest } from '#kernel';
import type { InstanceStatus, ProbeAnswer, ServiceKey, SlotStatus, Target } from '#rollout';
import { controlSocketOf, localTarget, packArtifact, startAgent, stopAgent } from '#target-local';
import { embeddedRouterOf } from './agent-main.ts';

/** A slot of the trial. Everything runs in blue. */
const slot = 'blue';

/** The version that instances of a trial are told. */
const version = 'doctor';

type Placed = {
  readonly key: ServiceKey;
  readonly order: string;
  readonly artifact: Digest;
  readonly definition: Service;
  readonly status: SlotStatus;
};

/** Starts one instance of a service from the working tree, with an agent and a state folder of its own, and says which levels of the contract hold. */
export async function tryService(ownState: string, trial: ServiceTrial): Promise<readonly Finding[]> {
  const stateFolder = await mkdtemp(join(tmpdir(), 'sluice-doctor-'));
  await chmod(stateFolder, 0o700);
  try {
    await handSecrets(ownState, stateFolder);
    const started = await startAgent({ stateFolder, entry: siblingModule(import.meta.url, './agent-main') });
    if (!started.ok) throw new SluiceError('unavailable', started.error.message);
    return await levels(trial, stateFolder);
  } finally {
    await stopAgent({ stateFolder, instances: true, supervision: embeddedRouterOf(stateFolder) });
    // Extracted artifacts are read-only, folders too.
    await makeWritable(stateFolder);
    await rm(stateFolder, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function levels(trial: ServiceTrial, stateFolder: string): Promise<readonly Finding[]> {
  const target = localTarget({ stateFolder });
  const placing = new Placing(trial, stateFolder, target);
  const placed = await placing.place(trial.name);
  const instance = placed.status.instances[0];
  if (instance?.state !== 'healthy')
    return [
      {
        about: 'level 0',
        state: 'fail',
        says: await whyNotUp(stateFolder, placed),
        hint: `services.${trial.name}.start is ${placed.definition.start.join(' ')}; it must listen on HOST and PORT`,
      },
    ];
  const [health, identity, metrics] = await Promise.all([
    levelHealth(target, placed),
    levelIdentity(target, placed),
    levelMetrics(target, placed),
  ]);
  const drain = await levelDrain(stateFolder, target, placed);
  return [await levelStop(target, placed), health, identity, metrics, drain];
}

/** Places services after those whose address their variables name. */
class Placing {
  readonly #trial: ServiceTrial;
  readonly #stateFolder: string;
  readonly #target: Target;
  readonly #placed = new Map<string, Placed>();

  constructor(trial: ServiceTrial, stateFolder: string, target: Target) {
    this.#trial = trial;
    this.#stateFolder = stateFolder;
    this.#target = target;
  }

  async place(name: string, callers: readonly string[] = []): Promise<Placed> {
    const before = this.#placed.get(name);
    if (before !== undefined) return before;
    const definition = own(this.#trial.services, name);
    if (definition === undefined || callers.includes(name))
      throw new SluiceError('config', `the services ${[...callers, name].join(' → ')} name each other's addresses in a circle`, {
        hint: 'one of them must start without the other',
      });
    const variables = await this.#variables(name, definition, [...callers, name]);
    const archives = join(this.#stateFolder, 'archives');
    const packed = await packArtifact(this.#trial.folder, definition.files, archives, { label: `services.${name}.files` });
    if (!packed.ok) throw new SluiceError('config', packed.error.message);
    const { digest: artifact, path: archive } = packed.value;
    const executable = await this.#target.resolveExecutable(definition.start, { artifact, archive });
    if (!executable.ok) throw new SluiceError('config', executable.error.message);
    const key = `${this.#trial.environment ?? 'doctor'}/${name}` as const;
    const { start, secrets, health, startWithin, stopWithin } = definition;
    const order = {
      key: `doctor-${name}`,
      service: key,
      slot,
      version,
      artifact,
      archive,
      executable: executable.value,
      instances: 1,
    } as const;
    const answer = await this.#target.place({ ...order, ...variables, start, secrets, health, startWithin, stopWithin });
    if (!answer.ok) throw new SluiceError('unavailable', answer.error.message);
    const placed = { key, order: order.key, artifact: packed.value.digest, definition, status: await this.#settled(key, definition) };
    this.#placed.set(name, placed);
    return placed;
  }

  async #variables(
    name: string,
    definition: Service,
    callers: readonly string[],
  ): Promise<{ readonly env: Record<string, string>; readonly folders: Record<string, string> }> {
    const env: Record<string, string> = {};
    const folders: Record<string, string> = {};
    for (const [variable, value] of Object.entries(definition.env)) {
      if (typeof value === 'string') env[variable] = value;
      else if (value.kind === 'limit') env[variable] = String(value.value);
      else if (value.kind === 'folder') folders[variable] = value.name;
      else {
        const callee = await this.place(value.service, callers);
        const [instance] = callee.status.instances;
        if (instance?.state !== 'healthy' || instance.endpoint === undefined)
          throw new SluiceError('unavailable', `${name} needs ${value.service}: ${await whyNotUp(this.#stateFolder, callee)}`, {
            hint: `sluice doctor --service ${value.service}`,
          });
        env[variable] = `${instance.endpoint.host}:${instance.endpoint.port}`;
      }
    }
    return { env, folders };
  }

  /** Healthy, ended, or out of time. */
  async #settled(key: ServiceKey, definition: Service): Promise<SlotStatus> {
    const deadline = systemClock.monotonic() + definition.startWithin;
    for (;;) {
      const seen = await this.#target.observe(key, slot);
      if (!seen.ok) throw new SluiceError('unavailable', seen.error.message);
      const [instance] = seen.value.instances;
      const settled = instance?.state === 'healthy' || (instance !== undefined && (instance.state === 'exited' || instance.restarts > 0));
      if (settled || systemClock.monotonic() >= deadline) return seen.value;
      this.#trial.signal.throwIfAborted();
      await systemClock.sleep(50);
    }
  }
}

async function levelHealth(target: Target, { key, definition }: Placed): Promise<Finding> {
  const about = 'level 1 health';
  const path = definition.health.kind === 'http' ? definition.health.path : '/health';
  const answer = await ask(target, key, path);
  if (answer.status >= 200 && answer.status < 300) return { about, state: 'pass', says: `${path} answers ${answer.status}` };
  return {
    about,
    state: 'warn',
    says: `${path} ${said(answer)}`,
    hint: 'without it traffic comes as soon as the port is open: answer 200 when ready, 503 when not',
  };
}

async function levelIdentity(target: Target, { key, artifact }: Placed): Promise<Finding> {
  const about = 'level 2 identity';
  const answer = await ask(target, key, '/version');
  const hint = 'answer { service, version, digest } from SLUICE_SERVICE, SLUICE_VERSION and SLUICE_DIGEST';
  const body = parsed(answer.body);
  if (answer.status !== 200 || body === undefined) return { about, state: 'warn', says: `/version ${said(answer)}`, hint };
  const attested = await target.attest(key, slot);
  const measured = attested.ok ? attested.value[0]?.artifact : undefined;
  if (measured !== artifact)
    return {
      about,
      state: 'fail',
      says: attested.ok ? 'the agent measures another artifact than the one that was packed' : attested.error.message,
    };
  const wrong = Object.entries({ service: key.slice(key.indexOf('/') + 1), version, digest: measured }).filter(
    ([name, value]) => body[name] !== value,
  );
  if (wrong.length === 0) return { about, state: 'pass', says: '/version names the digest that the agent measured' };
  return {
    about,
    state: 'fail',
    says: `/version says otherwise: ${wrong.map(([name, value]) => `${name} ${JSON.stringify(body[name])}, not "${value}"`).join('; ')}`,
    hint,
  };
}

/** One line of the Prometheus text format: a name, labels or none, a number. */
const sampleLine = /^[A-Za-z_:][\w:]*(\{[^}]*\})? [-+]?(\d|\.\d|Inf|NaN)/m;

async function levelMetrics(target: Target, { key }: Placed): Promise<Finding> {
  const about = 'level 3 metrics';
  const answer = await ask(target, key, '/metrics');
  if (answer.status === 200 && sampleLine.test(answer.body))
    return { about, state: 'pass', says: `/metrics has ${answer.body.split('\n').filter((line) => sampleLine.test(line)).length} samples` };
  return {
    about,
    state: 'warn',
    says: `/metrics ${answer.status === 200 ? 'holds no sample in Prometheus text' : said(answer)}`,
    hint: 'triggers see what the router counts; the numbers of the service itself need this',
  };
}

async function levelDrain(stateFolder: string, target: Target, { key, status }: Placed): Promise<Finding> {
  const about = 'level 4 drain';
  const hint =
    'listen on the Unix socket SLUICE_CONTROL for POST /drain with the token in SLUICE_CONTROL_TOKEN; long-lived connections are cut at the end without it';
  const control = await controlOf(stateFolder, status.instances[0]);
  if (control === undefined)
    return { about, state: 'warn', says: 'the environment of the instance cannot be read here, so nobody could ask' };
  const drained = await drain(control);
  if (typeof drained === 'string') return { about, state: 'warn', says: `POST /drain: ${drained}`, hint };
  if (drained < 200 || drained >= 300) return { about, state: 'warn', says: `POST /drain answered ${drained}`, hint };
  const after = await ask(target, key, '/health');
  if (parsed(after.body)?.['draining'] === true) return { about, state: 'pass', says: 'POST /drain is taken, and /health says so' };
  return {
    about,
    state: 'warn',
    says: `POST /drain is taken, but /health ${said(after)} without "draining": true`,
    hint: 'say { "draining": true, "sessions": n } while it drains',
  };
}

async function levelStop(target: Target, { key, order, definition }: Placed): Promise<Finding> {
  const about = 'level 0 process';
  const began = systemClock.monotonic();
  const retired = await target.retire(key, slot, order);
  const took = systemClock.monotonic() - began;
  const listens = 'listens on PORT';
  if (!retired.ok) return { about, state: 'fail', says: retired.error.message };
  if (took < definition.stopWithin) return { about, state: 'pass', says: `${listens}, exits on SIGTERM after ${Math.round(took)} ms` };
  return {
    about,
    state: 'fail',
    says: `${listens}, but ignores SIGTERM: killed after ${definition.stopWithin} ms`,
    hint: 'close the server and exit on SIGTERM',
  };
}

async function ask(target: Target, key: ServiceKey, path: string): Promise<ProbeAnswer> {
  const answers = await target.probe(key, slot, path);
  return (answers.ok ? answers.value[0] : undefined) ?? { instance: '', status: 0, body: '' };
}

const said = ({ status }: ProbeAnswer): string => (status === 0 ? 'does not answer' : `answers ${status}`);

function parsed(body: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

type Control = { readonly socketPath: string; readonly token: string };

/** Where an instance listens for its agent, and with which token: told to the instance alone, so the token is read from its environment. */
async function controlOf(stateFolder: string, instance: InstanceStatus | undefined): Promise<Control | undefined> {
  if (instance?.pid === undefined) return undefined;
  const text = await readFile(`/proc/${instance.pid}/environ`, 'utf8').catch(() => '');
  const name = 'SLUICE_CONTROL_TOKEN=';
  const token = text
    .split('\0')
    .find((line) => line.startsWith(name))
    ?.slice(name.length);
  return token === undefined ? undefined : { socketPath: controlSocketOf(stateFolder, token), token };
}

/** The status that the drain call was answered with, or why it was not. */
async function drain({ socketPath, token }: Control): Promise<number | string> {
  return new Promise((resolve) => {
    const call = request(
      { socketPath, method: 'POST', path: '/drain', headers: { authorization: `Bearer ${token}` }, signal: AbortSignal.timeout(5_000) },
      (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      },
    );
    call.once('upgrade', (_, socket) => {
      socket.destroy();
      resolve('answered with another protocol');
    });
    call.once('error', (error: NodeJS.ErrnoException) =>
      resolve(error.code === 'ENOENT' ? 'nothing listens on SLUICE_CONTROL' : `not answered (${error.code ?? error.message})`),
    );
    call.end();
  });
}

async function whyNotUp(stateFolder: string, { key, status, definition }: Placed): Promise<string> {
  const [instance] = status.instances;
  const note = instance?.note ?? '';
  const log = await readFile(join(stateFolder, 'logs', key, slot, `${instance?.name ?? ''}.log`), 'utf8').catch(() => '');
  const last = log.trimEnd().split('\n').at(-1) ?? '';
  const words = last === '' || note.includes(last) ? note : `${note === '' ? '' : `${note}; `}its log ends: ${last}`;
  const fact =
    instance?.state === 'exited' || (instance?.restarts ?? 0) > 0 ? 'it ended' : `not healthy within ${definition.startWithin / 1_000} s`;
  return `${fact}${words === '' ? '' : `: ${words}`}`;
}

/** The secrets that the state folder of the project holds are the ones a trial needs; they are gone with its folder. */
async function handSecrets(from: string, to: string): Promise<void> {
  const own = await readFile(join(from, 'secrets.json')).catch(() => undefined);
  if (own !== undefined) await writeFile(join(to, 'secrets.json'), own, { mode: 0o600 });
}

async function makeWritable(folder: string): Promise<void> {
  await chmod(folder, 0o700);
  for (const entry of await readdir(folder, { withFileTypes: true })) if (entry.isDirectory()) await makeWritable(join(folder, entry.name));
}
