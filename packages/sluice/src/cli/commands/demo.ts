import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SluiceError } from '#kernel';
import { flag, type Command, type Invocation } from '../command.ts';
import { makeScratch, shortenWatches, type Scratch } from '../demo/scratch.ts';
import { Stage } from '../demo/stage.ts';
import { tellStory } from '../demo/story.ts';
import { unlessStopped } from '../interruption.ts';

/** Seconds of a watch in the short demo: the first step still sees the hundred answers it wants. */
const shortWatch = 2.5;

const command: Command = {
  name: 'demo',
  summary: 'an exchange under live orders: a good version, a bad one, a crash, and the proof',
  usage: '[--short] [--keep]',
  example: [
    'sluice demo --short',
    '1. An exchange goes live',
    '…',
    '{"requests":61213,"transportFailures":0,…,"lost":0,"doubled":0,"faultToSafeMs":412.3}',
  ],
  options: {
    short: { type: 'boolean', says: 'about a minute: shorter watches, and without the integration tests' },
    keep: { type: 'boolean', says: 'leave everything running and say how to look around' },
  },
  words: [0, 0],
  verdict: true,
  run: async (invocation) => {
    const { world, terminal } = invocation;
    const began = world.clock.monotonic();
    if (world.exchangeFolder === undefined)
      throw new SluiceError('unavailable', 'this installation came without the exchange', {
        hint: 'run npm run demo in a checkout of the repository',
      });
    const scratch = await makeScratch(world.exchangeFolder, fileURLToPath(new URL('../../../', import.meta.url)));
    try {
      if (flag(invocation, 'short')) await shortenWatches(scratch, shortWatch);
      const plane = await world.controlPlane(join(scratch.repository, '.sluice'));
      const pipeline = flag(invocation, 'short') ? ['--pipeline', 'quick'] : [];
      const stage = new Stage({ world, terminal, scratch, plane, pipeline });
      terminal.print(terminal.style('gray', `everything of this demo is in ${scratch.folder}`));
      const { result, good } = await unlessStopped(world.interrupt, tellStory(stage));
      terminal.print(terminal.style('gray', `  the demo took ${((world.clock.monotonic() - began) / 1_000).toFixed(0)} s`));
      if (flag(invocation, 'keep')) terminal.print(...lookAround(scratch));
      terminal.print(JSON.stringify(result));
      return good ? 0 : 1;
    } finally {
      if (!flag(invocation, 'keep')) await cleanUp(invocation, scratch);
    }
  },
};

export default command;

/** Nothing of the demo runs on; the client's log and the engine's journal stay, for anyone to count again. */
async function cleanUp({ world, terminal }: Invocation, scratch: Scratch): Promise<void> {
  const plane = await world.controlPlane(join(scratch.repository, '.sluice'));
  await plane
    .down()
    .catch((error: unknown) => terminal.note(`${terminal.symbol('warning')} ${error instanceof Error ? error.message : String(error)}`));
  for (const part of ['postgres', 'checkouts', 'trees', 'archives'])
    await rm(join(plane.stateFolder, part), { recursive: true, force: true }).catch(() => undefined);
}

const lookAround = (scratch: Scratch): readonly string[] => [
  '',
  'It is still running. To look around:',
  `  cd ${scratch.repository}`,
  '  sluice status        sluice ps        sluice watch api --environment production',
  '  sluice revert api --environment production',
  '  sluice down          stops everything',
  '',
];
