import { emptyRegister, type RecordedRegister } from '#access';
import { digestOf, err, ok, SluiceError, type Result } from '#kernel';
import {
  bundleEntries,
  bundlePath,
  openCheckpoint,
  parseEntry,
  sameHash,
  TILE_WIDTH,
  TreeEdge,
  verifierKeyText,
  type SignedCheckpoint,
  type TreeHead,
} from '#ledger';
import type { LedgerFolder, LogKeys } from './ports.ts';
import { afterEntry, isRegisterEntry } from './register-entries.ts';
import type { Store } from './store.ts';

/**
 * What names a control plane to those who sign for it: the digest of the first key of its record, which no other one has. A later key changes nothing of it, or
 * what was signed before would be read as signed for another one.
 */
export const planeOf = ({ origin, verifiers: [first] }: LogKeys): string => digestOf(first === undefined ? origin : verifierKeyText(first));

type Ports = { readonly store: Store; readonly ledgerFolder: LedgerFolder; readonly keys: LogKeys; readonly warn: (line: string) => void };

/** Full bundles are 256 entries each: this many at once stay below a few megabytes. */
const BUNDLES_AT_ONCE = 64;
/** While the sequencer writes, a bundle may be replaced by a fuller one between two reads. */
const TRIES = 5;

/** Entries whose type begins so are parsed; all others are only hashed. */
const ofRegister = /,"type":"(?:register|person|machine|lease)\.[a-z-]+","v":\d+\}$/;

/**
 * Who may do what, read from the signed log and from nothing else: every entry is hashed again, the root must be the one under a checkpoint of our key, and
 * the log must not be shorter than what was last signed. What the database says of people counts only where it agrees with this (I17).
 */
export class RegisterReader {
  readonly plane: string;
  readonly #ports: Ports;
  #edge = new TreeEdge();
  #register = emptyRegister;
  #last: Promise<unknown> = Promise.resolve();

  constructor(ports: Ports) {
    this.#ports = ports;
    this.plane = planeOf(ports.keys);
  }

  /** The register as of the newest checkpoint. */
  current(): Promise<Result<RecordedRegister, SluiceError>> {
    // One after the other: each goes on where the one before stopped.
    const next = this.#last.then(() => this.#read());
    this.#last = next.catch(() => undefined);
    return next;
  }

  async #read(): Promise<Result<RecordedRegister, SluiceError>> {
    const { store, ledgerFolder, keys } = this.#ports;
    const lastSigned = await ledgerFolder.lastSigned();
    if (!lastSigned.ok) return lastSigned;
    for (let tried = 1; ; tried += 1) {
      const stored = await store.transaction((tx) => store.log.checkpoint(tx));
      const size = stored?.size ?? 0;
      if (size < this.#edge.size || size < (lastSigned.value?.size ?? 0)) return err(disagrees('it is shorter than what was signed'));
      if (stored === undefined) return ok(this.#register);
      const checkpoint = openCheckpoint(new TextEncoder().encode(stored.note), keys.verifiers);
      if (!checkpoint.ok) return checkpoint;
      if (checkpoint.value.origin !== keys.origin) return err(disagrees(`its checkpoint is of the log "${checkpoint.value.origin}"`));
      const read = await this.#upTo(checkpoint.value, lastSigned.value);
      if (read !== 'missing') return read;
      if (tried >= TRIES) return err(disagrees('entries are missing in it'));
    }
  }

  /** Reads what is new below a checkpoint; nothing of it counts unless all of it is what was signed. */
  async #upTo(checkpoint: SignedCheckpoint, lastSigned: TreeHead | undefined): Promise<Result<RecordedRegister, SluiceError> | 'missing'> {
    const edge = TreeEdge.from(this.#edge.size, this.#edge.partialTiles());
    let register = this.#register;
    const ignored: string[] = [];
    while (edge.size < checkpoint.size) {
      const bundles = await this.#bundles(Math.floor(edge.size / TILE_WIDTH), checkpoint.size);
      if (bundles === undefined) return 'missing';
      for (const bundle of bundles) {
        const spans = bundleEntries(bundle);
        if (spans === undefined) return err(disagrees('a bundle of entries is damaged'));
        const text = Buffer.from(bundle.buffer, bundle.byteOffset, bundle.byteLength);
        for (const [from, to] of spans.slice(edge.size % TILE_WIDTH)) {
          edge.append(bundle, from, to);
          if (lastSigned !== undefined && edge.size === lastSigned.size && !sameHash(edge.root(), lastSigned.root))
            return err(disagrees('it is not what was last signed'));
          const line = text.toString('latin1', from, to);
          if (!ofRegister.test(line)) continue;
          const entry = parseEntry(line);
          if (!entry.ok) return entry;
          if (!isRegisterEntry(entry.value)) continue;
          const after = afterEntry(register, entry.value, this.plane);
          if ('ignored' in after)
            ignored.push(`entry ${edge.size - 1} of the record (${entry.value.type}) does not count: ${after.ignored}`);
          else register = after;
        }
      }
    }
    if (edge.size > 0 && !sameHash(edge.root(), checkpoint.root)) return err(disagrees('its entries are not those that were signed'));
    this.#edge = edge;
    this.#register = register;
    for (const line of ignored) this.#ports.warn(line);
    return ok(register);
  }

  async #bundles(first: number, size: number): Promise<readonly Uint8Array[] | undefined> {
    const { store } = this.#ports;
    const paths: string[] = [];
    for (let index = first; index * TILE_WIDTH < size && paths.length < BUNDLES_AT_ONCE; index += 1)
      paths.push(bundlePath(index, Math.min(TILE_WIDTH, size - index * TILE_WIDTH)));
    const files = new Map((await store.transaction((tx) => store.log.files(tx, paths))).map(({ path, bytes }) => [path, bytes]));
    const found = paths.map((path) => files.get(path)).filter((bytes) => bytes !== undefined);
    return found.length === paths.length ? found : undefined;
  }
}

const disagrees = (fact: string): SluiceError =>
  new SluiceError('verificationFailed', `the record in the database is not the signed one: ${fact}`, {
    hint: 'nothing moves forward until it is put right; reverts work. sluice ledger verify tells more',
  });
