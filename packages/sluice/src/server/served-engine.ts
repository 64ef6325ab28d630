import { SluiceError, type Clock, type Ids, type Result } from '#kernel';
import { describeEntry, encodeEntry, proofText, proveEntry, verifierKeyText, type Entry, type LogReader } from '#ledger';
import type { JournaledRevert, SlotStatus } from '#rollout';
import { approvalText } from '#release';
import type { Engine, EnvironmentPorts, LogKeys, StoredEntry } from '#workflow';
import { deploymentToWire, type ActorNames } from './deployment-wire.ts';
import type { AboutWire, ApprovalView, CheckpointWire, DeploymentWire, ProofWire, StatusWire, TimelineLine } from './schema.ts';
import { statusToWire } from './status-wire.ts';

/** What the API is served from: an engine, and the few things around it that answers are made of. */
export type ServedPorts = {
  readonly engine: Engine;
  readonly environment: (name: string) => EnvironmentPorts;
  readonly keys: LogKeys;
  /** Reads the exported files of the record. */
  readonly log: LogReader;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly about: AboutWire;
};

/** As many entries as one deployment ever has. */
const mostEntries = 1_000;

/** An engine with the questions that take more than one of its answers. */
export class ServedEngine {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly about: AboutWire;
  readonly #ports: ServedPorts;

  constructor(ports: ServedPorts) {
    this.#ports = ports;
    this.engine = ports.engine;
    this.clock = ports.clock;
    this.ids = ports.ids;
    this.about = ports.about;
  }

  /** What is live and what moves: only services that were deployed at some time. */
  async statuses(filter: { readonly service?: string; readonly environment?: string }): Promise<StatusWire[]> {
    const views = unwrap(await this.engine.services()).filter(
      (view) =>
        (filter.service === undefined || view.service === filter.service) &&
        (filter.environment === undefined || view.environment === filter.environment) &&
        (view.live !== undefined || view.deployment !== undefined),
    );
    const nameOf = await this.#actorNames();
    return Promise.all(
      views.map(async (view) => {
        const { target, router } = this.#ports.environment(view.environment);
        const key = `${view.environment}/${view.service}` as const;
        const [blue, green, entries, reverts] = await Promise.all([
          target.observe(key, 'blue'),
          target.observe(key, 'green'),
          view.deployment === undefined ? [] : this.#entries(view.deployment.request.chainId),
          router.revertsAfter(undefined),
        ]);
        const slots = [blue, green].flatMap((seen): readonly SlotStatus[] => (seen.ok ? [seen.value] : []));
        const pendingReverts = reverts.ok ? missingFrom(await this.#revertEntries(view.service, view.environment), reverts.value, key) : 0;
        return statusToWire(view, { slots, entries, pendingReverts, nameOf });
      }),
    );
  }

  async deployment(id: string): Promise<DeploymentWire> {
    const { deployment, ...around } = unwrap(await this.engine.deployment(id));
    return deploymentToWire(deployment, { ...around, nameOf: await this.#actorNames() });
  }

  async timeline(deployment: string): Promise<TimelineLine[]> {
    const { deployment: found } = unwrap(await this.engine.deployment(deployment));
    const names = new Map(unwrap(await this.engine.people()).map((person) => [person.id, person.name]));
    const entries = await this.#entries(found.request.chainId);
    return entries
      .filter(({ entry }) => entry.subject.kind !== 'deployment' || entry.subject.id === deployment)
      .map(({ number, entry }) => ({
        ...(number === undefined ? {} : { number }),
        at: entry.at,
        type: entry.type,
        text: describeEntry({ ...entry, seq: number ?? 0 } as Entry, (ref) => names.get(ref) ?? `person ${ref.slice(0, 8)}`),
      }));
  }

  /** What an approver is shown: the document that is signed, as it stands, and who has signed it already. */
  async approval(id: string): Promise<ApprovalView> {
    const view = unwrap(await this.engine.approvalView(id));
    const people = unwrap(await this.engine.people());
    const personName = (ref: string): string => people.find((person) => person.id === ref)?.name ?? ref.slice(0, 8);
    return {
      deployment: view.deployment.request.id,
      document: approvalText(view.bound),
      given: view.given.map((one) => ({ person: personName(one.person), function: one.function })),
      missing: [...view.needs],
    };
  }

  async checkpoint(): Promise<CheckpointWire> {
    const { checkpoint, sequencer } = unwrap(await this.engine.ledger());
    if (sequencer.kind === 'refused') throw sequencer.error;
    return { size: checkpoint?.size ?? 0, note: checkpoint?.note ?? '', publicKey: this.#publicKey() };
  }

  /** The proof that the last entry of a deployment is in the record: with it, everything before it is. */
  async proof(deployment: string): Promise<ProofWire> {
    const { deployment: found } = unwrap(await this.engine.deployment(deployment));
    const entries = (await this.#entries(found.request.chainId)).filter(({ entry }) => entry.subject.id === deployment);
    const last = entries.findLast(({ number }) => number !== undefined);
    const { checkpoint } = unwrap(await this.engine.ledger());
    if (last?.number === undefined || checkpoint === undefined || last.number >= checkpoint.size) {
      throw new SluiceError('unavailable', `deployment ${deployment} is not under a signed checkpoint yet`, {
        hint: 'ask again in a moment',
      });
    }
    const entry = unwrap(encodeEntry(last.entry, last.number));
    const proof = proofText(proveEntry(this.#ports.log, last.number, checkpoint));
    return { deployment, number: last.number, entry: new TextDecoder().decode(entry), proof, publicKey: this.#publicKey() };
  }

  /** Names of actors as a reader may see them; the record itself knows none (I10). */
  async #actorNames(): Promise<ActorNames> {
    const names = new Map(unwrap(await this.engine.people()).map((person) => [`person:${person.id}`, person.name]));
    return (ref) => names.get(ref) ?? (ref.startsWith('person:') ? `person ${ref.slice(7, 15)}` : ref);
  }

  #publicKey(): string {
    const [key] = this.#ports.keys.verifiers;
    return key === undefined ? '' : verifierKeyText(key);
  }

  async #revertEntries(service: string, environment: string): Promise<readonly StoredEntry[]> {
    return unwrap(await this.engine.timeline({ subject: service, environment, limit: mostEntries }));
  }

  async #entries(chain: string): Promise<readonly StoredEntry[]> {
    return unwrap(await this.engine.timeline({ chain, limit: mostEntries }));
  }
}

/** How many of the reverts a router journaled are not in the record yet: until then the gap is shown (I7). */
function missingFrom(entries: readonly StoredEntry[], journaled: readonly JournaledRevert[], service: string): number {
  const epochs = new Set(entries.flatMap(({ entry }) => (entry.type === 'revert.journaled' ? [entry.body.epoch] : [])));
  return journaled.filter((revert) => revert.service === service && !epochs.has(revert.epoch)).length;
}

function unwrap<T>(result: Result<T, SluiceError>): T {
  if (!result.ok) throw result.error;
  return result.value;
}
