import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { SluiceError } from '#kernel';
import { parseVerifierKey, verificationCodes, verifyLog, type VerifierKey } from '#ledger';
import { flag, jsonOption, text, texts, type Command, type Invocation } from '../command.ts';
import { stateOption } from '../options.ts';
import { count, table } from '../text.ts';
import type { World } from '../world.ts';

const command: Command = {
  name: 'ledger',
  summary: 'verify the record offline, prove an entry, tell what happened',
  usage: 'verify [<folder>] | proof <deployment> | timeline <deployment> | checkpoint',
  example: [
    'sluice ledger verify --key ledger.vkey --checkpoint kept-elsewhere.txt',
    '✔ 214 entries, as signed: root 9f86…08, and every earlier checkpoint is a part of it',
  ],
  options: {
    key: { type: 'string', value: 'file', says: 'public key of the record (default: ledger.vkey in the state folder)' },
    checkpoint: {
      type: 'string',
      multiple: true,
      value: 'file',
      says: 'an earlier checkpoint that was kept elsewhere; may be given several times',
    },
    out: { type: 'string', short: 'o', value: 'file', says: 'write the proof, or the checkpoint, into a file' },
    ...stateOption,
    ...jsonOption,
  },
  words: [1, 2],
  verdict: true,
  run: async (invocation) => {
    const [verb = '', argument] = invocation.words;
    switch (verb) {
      case 'verify':
        return verify(invocation, argument);
      case 'proof':
        return proof(invocation, needed(argument, 'proof'));
      case 'timeline':
        return tell(invocation, needed(argument, 'timeline'));
      case 'checkpoint':
        return checkpoint(invocation);
      default:
        throw new SluiceError('usage', `sluice ledger: no verb "${verb}"`, { hint: 'there are: verify, proof, timeline, checkpoint' });
    }
  },
};

export default command;

function needed(argument: string | undefined, verb: string): string {
  if (argument === undefined)
    throw new SluiceError('usage', `sluice ledger ${verb} needs a deployment`, { hint: 'sluice deploy --json shows its id' });
  return argument;
}

/** Needs nothing but files: neither control plane nor database. Exit codes: 0, and 10 to 20 as `verificationCodes` says. */
async function verify(invocation: Invocation, folder: string | undefined): Promise<number> {
  const { terminal, world } = invocation;
  const plane = await world.controlPlane(text(invocation, 'state'));
  const keyFile = text(invocation, 'key') ?? join(plane.stateFolder, 'ledger.vkey');
  const key = readKey(world, resolve(world.cwd, keyFile));
  const earlier = texts(invocation, 'checkpoint').map((file) => readOrRefuse(world, resolve(world.cwd, file)));
  const verification = verifyLog(plane.openLog(folder === undefined ? plane.ledgerFolder : resolve(world.cwd, folder)), {
    origin: key.name,
    keys: [key],
    earlier,
    anchor: { kind: 'optional' },
  });
  const code = verificationCodes[verification.kind];
  if (flag(invocation, 'json')) {
    terminal.json(
      verification.kind === 'ok'
        ? { verdict: 'ok', size: verification.checkpoint.size, root: Buffer.from(verification.checkpoint.root).toString('base64') }
        : { verdict: verification.kind, because: verification.because, code },
    );
    return code;
  }
  if (verification.kind !== 'ok') {
    terminal.note(
      `${terminal.symbol(verification.kind === 'unreadable' || verification.kind === 'anchor' ? 'inconclusive' : 'fail')} ${verification.kind}: ${verification.because}`,
    );
    return code;
  }
  const { size, root } = verification.checkpoint;
  const anchored =
    earlier.length === 0
      ? 'give --checkpoint to compare with one kept elsewhere'
      : `${count(earlier.length, 'earlier checkpoint')} ${earlier.length === 1 ? 'is' : 'are'} a part of it`;
  terminal.print(
    `${terminal.symbol('pass')} ${count(size, 'entry').replace('entrys', 'entries')}, as signed by ${key.name}: root ${Buffer.from(root).toString('base64').slice(0, 12)}…; ${anchored}`,
  );
  return 0;
}

async function proof(invocation: Invocation, deployment: string): Promise<number> {
  const { terminal, world } = invocation;
  const client = await (await world.controlPlane(text(invocation, 'state'))).client();
  const found = await client.proof(deployment);
  const out = text(invocation, 'out');
  if (out !== undefined) await writeFile(resolve(world.cwd, out), found.proof);
  if (flag(invocation, 'json')) terminal.json(found);
  else if (out === undefined) terminal.text(found.proof);
  else terminal.print(`${terminal.symbol('pass')} entry ${found.number} of ${deployment} is in the record: ${out}`);
  return 0;
}

async function tell(invocation: Invocation, deployment: string): Promise<number> {
  const { terminal, world } = invocation;
  const client = await (await world.controlPlane(text(invocation, 'state'))).client();
  const lines = await client.timeline(deployment);
  if (flag(invocation, 'json')) terminal.json({ lines });
  else terminal.print(...table(lines.map((line) => [`  ${line.number ?? 'pending'}`, line.at.slice(11, 23), line.type, line.text])));
  return 0;
}

async function checkpoint(invocation: Invocation): Promise<number> {
  const { terminal, world } = invocation;
  const plane = await world.controlPlane(text(invocation, 'state'));
  const note = readOrRefuse(world, join(plane.ledgerFolder, 'checkpoint'));
  const out = text(invocation, 'out');
  if (out === undefined) terminal.text(Buffer.from(note).toString('utf8'));
  else {
    await writeFile(resolve(world.cwd, out), note);
    terminal.print(`${terminal.symbol('pass')} ${out}: keep it where nobody of this host can write`);
  }
  return 0;
}

function readKey(world: World, path: string): VerifierKey {
  const key = parseVerifierKey(Buffer.from(readOrRefuse(world, path)).toString('utf8'));
  if (!key.ok) throw key.error;
  return key.value;
}

function readOrRefuse(world: World, path: string): Uint8Array {
  const read = world.readFile(path);
  if (read.ok) return read.value;
  throw new SluiceError('usage', `${path} ${read.error}`, { hint: 'name the files of the record with --state, --key and --checkpoint' });
}
