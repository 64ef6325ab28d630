import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { formatCount, formatDuration, SluiceError } from '#kernel';
import type { StatusWire } from '#server';
import { applyPatch, commit } from './scratch.ts';
import type { Actor, Stage } from './stage.ts';
import { faultsOf, Traffic } from './traffic.ts';

/** How many requests a second the client sends. */
const rate = 1_000;

/** The fewest acknowledged orders that make a count worth printing. */
const fewestOrders = 20_000;

/** The last line of the demo, reconciled from the client's own log and the engine's journal. */
export type DemoResult = {
  readonly requests: number;
  readonly transportFailures: number;
  readonly faultyAnswersFromV120: number;
  readonly faultyAnswersElsewhere: number;
  readonly acknowledged: number;
  readonly lost: number;
  readonly doubled: number;
  readonly faultToSafeMs: number;
};

/** What has to hold besides the counts. */
type Ends = { readonly reverted: boolean; readonly resumed: boolean; readonly verified: boolean };

/** Everybody in the story. */
type Cast = { readonly dana: Actor; readonly erin: Actor; readonly frank: Actor };

/** The story in five acts. Answers with the counts, and whether all of them are as promised. */
export async function tellStory(stage: Stage): Promise<{ readonly result: DemoResult; readonly good: boolean }> {
  const cast = await boot(stage);
  const traffic = await openMarket(stage);
  try {
    const firstCheckpoint = await goodVersion(stage, cast);
    const reverted = await badVersion(stage, cast);
    const resumed = await killedInTheMiddle(stage, cast);
    // On a machine so fast that it is done before, the market trades on for a moment.
    await stage.until('enough orders are acknowledged', async () =>
      traffic.acknowledged >= fewestOrders || !traffic.running ? true : undefined,
    );
    await traffic.stop();
    const verified = await proof(stage, firstCheckpoint);
    return await conclude(stage, traffic, { reverted, resumed, verified });
  } finally {
    await traffic.stop();
  }
}

async function boot(stage: Stage): Promise<Cast> {
  stage.act(
    '1. An exchange goes live',
    'A repository with an order book, a matching engine and an HTTP API; a control plane; two environments.',
    'Production wants two people, of trading and of risk, neither of them an author.',
  );
  const dana = { name: 'Dana', email: 'dana@exchange.example' };
  await commit(stage.scratch, { author: dana, message: 'An exchange: order book, matching engine, HTTP API', tag: 'v1.0.0' });
  const cast = {
    dana: await stage.cast(dana, ['trading']),
    erin: await stage.cast({ name: 'Erin', email: 'erin@exchange.example' }, ['risk']),
    frank: await stage.cast({ name: 'Frank', email: 'frank@exchange.example' }, ['trading']),
  };
  stage.show('serve', ...stage.firstPeople.map((word) => basename(word)));
  const { tookMs } = await stage.startServe();
  stage.terminal.print(
    `  ${stage.terminal.symbol('pass')} control plane, database, agent and router answer after ${formatDuration(tookMs)}`,
    stage.terminal.style('gray', '  Dana, Erin and Frank are the first people; from now on it takes two of them to let anybody in.'),
  );
  await withoutWalls(stage);
  await must(stage, ['deploy', 'engine', 'api', 'v1.0.0', '--environment', 'staging', ...stage.pipeline]);
  const code = await stage.deployApproved(
    ['deploy', 'engine', 'api', 'v1.0.0', '--environment', 'production', ...stage.pipeline],
    [cast.erin, cast.frank],
  );
  if (code !== 0) throw new SluiceError('rolloutFailed', 'v1.0.0 did not go live', { hint: `look into ${stage.scratch.folder}` });
  return cast;
}

/** Where the machine has no sandbox, production would take nothing: somebody with that right lowers it for the hour of the story. */
async function withoutWalls(stage: Stage): Promise<void> {
  const { isolation, because } = await stage.world.isolation();
  if (isolation !== 'none') return;
  stage.terminal.print(
    stage.terminal.style(
      'gray',
      `  This machine has no sandbox (${because}): Dana lowers that for production, for an hour, on the record.`,
    ),
  );
  await must(stage, [
    'lease',
    'grant',
    'sandbox',
    '--environment',
    'production',
    '--hours',
    '1',
    '--reason',
    'a demo on a machine without a sandbox',
  ]);
}

async function openMarket(stage: Stage): Promise<Traffic> {
  const status = await stage.status('api', 'production');
  const url = `http://${status?.listen ?? ''}`;
  stage.act(
    '   The market opens',
    `From now on a client sends ${formatCount(rate)} requests a second to ${url}: orders, cancels, queries; nothing is retried.`,
  );
  const traffic = new Traffic({
    repository: stage.scratch.repository,
    folder: stage.scratch.folder,
    url,
    rate,
    env: { PATH: stage.world.env['PATH'] ?? '' },
  });
  await stage.until('the client sends', async () => {
    if (!traffic.running) throw new SluiceError('rolloutFailed', 'the client ended at once', { hint: `look into ${stage.scratch.folder}` });
    return traffic.last;
  });
  return traffic;
}

async function goodVersion(stage: Stage, cast: Cast): Promise<string> {
  stage.act(
    '2. v1.1.0, a good version',
    'Built, tested, gated; staging first; then 5 %, 50 %, 100 % of production, both slots side by side.',
  );
  await nextVersion(stage, cast, { version: '1.1.0', message: 'The book answers with as many levels as are asked for' });
  const code = await stage.deployApproved(
    ['deploy', 'api', 'v1.1.0', '--environment', 'production', ...stage.pipeline],
    [cast.dana, cast.erin, cast.frank],
  );
  if (code !== 0) throw new SluiceError('rolloutFailed', 'v1.1.0 did not go live', { hint: `look into ${stage.scratch.folder}` });
  stage.terminal.print(
    stage.terminal.style('gray', '  Dana wrote it, so her signature was refused. A checkpoint of the record is kept elsewhere, for later.'),
  );
  return stage.keepCheckpoint('checkpoint-after-v1.1.0');
}

async function badVersion(stage: Stage, cast: Cast): Promise<boolean> {
  stage.act(
    '3. v1.2.0, whose fault no test sees',
    'Every test passes. Under load some of its answers fail, others are slow. It gets 5 % of the orders, and is taken back.',
  );
  await nextVersion(stage, cast, { version: '1.2.0', message: 'Queries wait for their turn at the engine' });
  const code = await stage.deployApproved(
    ['deploy', 'api', 'v1.2.0', '--environment', 'production', ...stage.pipeline],
    [cast.erin, cast.frank],
  );
  const status = await stage.until('all traffic is back', async (client) => {
    const [seen] = await client.status({ service: 'api', environment: 'production' });
    return seen?.live?.version === 'v1.1.0' && seen.rollout === undefined ? seen : undefined;
  });
  const weight = status.slots.find((slot) => slot.version === 'v1.1.0')?.weightBasisPoints;
  await stage.world.clock.sleep(200);
  const { fromVersion, fromFirstToLastMs } = await faultsOf(join(stage.scratch.folder, 'client.ndjson'), 'v1.2.0');
  const back = code === 1 && weight === 10_000;
  stage.terminal.print(
    `  ${stage.terminal.symbol(back ? 'pass' : 'fail')} ${fromVersion} faulty answers of v1.2.0; ${formatDuration(fromFirstToLastMs)} from the first to the last one`,
  );
  return back;
}

async function killedInTheMiddle(stage: Stage, cast: Cast): Promise<boolean> {
  stage.act(
    '4. v1.3.0, and the control plane is killed in the middle',
    'SIGKILL while weight moves. Traffic flows on with its last weights; the control plane is started again and finishes.',
  );
  await nextVersion(stage, cast, { version: '1.3.0', message: 'Queries go straight to the engine again, and tell the state of an order' });
  const deployed = stage.deployApproved(
    ['deploy', 'api', 'v1.3.0', '--environment', 'production', ...stage.pipeline],
    [cast.erin, cast.frank],
  );
  const moving = await Promise.race([
    deployed.then(() => undefined),
    stage.until('weight moves', async (client) => exposed((await client.status({ service: 'api', environment: 'production' }))[0])),
  ]);
  if (moving === undefined)
    throw new SluiceError('rolloutFailed', 'v1.3.0 ended before any weight moved', { hint: `look into ${stage.scratch.folder}` });
  await stage.killServe();
  stage.terminal.print(
    `  ${stage.terminal.symbol('fail')} control plane killed with SIGKILL while v1.3.0 had ${(moving / 100).toFixed(0)} %`,
  );
  const { tookMs } = await stage.startServe();
  stage.terminal.print(`  ${stage.terminal.symbol('pass')} started again: answers after ${formatDuration(tookMs)}`);
  const code = await deployed;
  const status = await stage.status('api', 'production');
  return code === 0 && status?.live?.version === 'v1.3.0';
}

/** The share of a version that is being rolled out, once it has any and not yet all. */
function exposed(status: StatusWire | undefined): number | undefined {
  const slot = status?.rollout === undefined ? undefined : status.slots.find((each) => each.slot === status.rollout?.candidate);
  return slot !== undefined && status?.rollout?.version === 'v1.3.0' && slot.weightBasisPoints > 0 && slot.weightBasisPoints < 10_000
    ? slot.weightBasisPoints
    : undefined;
}

async function proof(stage: Stage, firstCheckpoint: string): Promise<boolean> {
  stage.act(
    '5. Proof',
    'The record is verified from its files, a public key and the checkpoint that was kept elsewhere; no database, no control plane.',
  );
  const verified = await stage.type('ledger', 'verify', '--checkpoint', firstCheckpoint);
  const deployments = await (await stage.plane.client()).deployments({ service: 'api', environment: 'production' });
  const good = deployments.find((deployment) => deployment.release?.version === 'v1.1.0');
  if (good === undefined) return false;
  const proven = await stage.type('ledger', 'proof', good.id, '--out', join(stage.scratch.folder, 'v1.1.0.tlog-proof'));
  const bad = deployments.find((deployment) => deployment.release?.version === 'v1.2.0');
  if (bad !== undefined) await stage.type('ledger', 'timeline', bad.id);
  return verified === 0 && proven === 0;
}

async function conclude(stage: Stage, traffic: Traffic, ends: Ends): Promise<{ readonly result: DemoResult; readonly good: boolean }> {
  const { scratch, plane } = stage;
  const journal = join(plane.stateFolder, 'folders', 'production', 'engine', 'journal');
  const counted = await reconcile(scratch.repository, traffic.logFile, journal);
  const faults = await faultsOf(traffic.logFile, 'v1.2.0');
  const result = {
    requests: counted.requests,
    transportFailures: counted.transportFailures,
    faultyAnswersFromV120: faults.fromVersion,
    faultyAnswersElsewhere: faults.elsewhere,
    acknowledged: counted.acknowledged,
    lost: counted.lost,
    doubled: counted.doubled,
    faultToSafeMs: Math.round(faults.fromFirstToLastMs * 10) / 10,
  };
  const clean =
    result.transportFailures + result.faultyAnswersElsewhere + result.lost + result.doubled === 0 && result.acknowledged >= fewestOrders;
  const told = [
    [
      clean,
      `${formatCount(result.acknowledged)} orders acknowledged, ${result.lost} lost, ${result.doubled} doubled; ${result.transportFailures} requests failed on the way`,
    ],
    [ends.reverted, 'v1.2.0 was taken back by itself'],
    [ends.resumed, 'v1.3.0 was finished after the control plane had been killed'],
    [ends.verified, 'the record verifies, and v1.1.0 is proven to be in it'],
  ] as const;
  stage.terminal.print('', ...told.map(([good, line]) => `  ${stage.terminal.symbol(good ? 'pass' : 'fail')} ${line}`));
  stage.terminal.print(stage.terminal.style('gray', `  to count again: ${traffic.logFile} against ${journal}`), '');
  return { result, good: told.every(([good]) => good) };
}

const reconciliation = z.object({
  requests: z.number(),
  transportFailures: z.number(),
  acknowledged: z.number(),
  lost: z.number(),
  doubled: z.number(),
});

/** Counts by the exchange's own program, over what client and engine left on disk. */
async function reconcile(repository: string, log: string, journal: string): Promise<z.infer<typeof reconciliation>> {
  const child = spawn(process.execPath, ['src/reconcile/main.ts', '--log', log, '--journal', journal], {
    cwd: repository,
    env: {},
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  await new Promise((resolve) => child.on('close', resolve));
  const text = Buffer.concat(chunks).toString('utf8').trim();
  const parsed = reconciliation.safeParse(text === '' ? undefined : JSON.parse(text));
  if (!parsed.success)
    throw new SluiceError('verificationFailed', 'the client log and the journal could not be reconciled', {
      hint: `${log} and ${journal} are still there`,
    });
  return parsed.data;
}

/** Makes the next version of the exchange, as Dana, and takes it through the pipeline into staging. */
async function nextVersion(
  stage: Stage,
  cast: Cast,
  { version, message }: { readonly version: string; readonly message: string },
): Promise<void> {
  await applyPatch(stage.scratch, version);
  await commit(stage.scratch, { author: cast.dana.author, message, tag: `v${version}` });
  stage.terminal.print(`${stage.terminal.style('bold', '$')} git commit --message "${message}" && git tag v${version}`);
  await must(stage, ['deploy', 'api', `v${version}`, '--environment', 'staging', ...stage.pipeline]);
}

/** Runs a command that has to succeed for the story to go on. */
async function must(stage: Stage, args: readonly string[]): Promise<void> {
  const code = await stage.type(...args);
  if (code === 0) return;
  const tail = await readFile(join(stage.scratch.folder, 'serve.log'), 'utf8').catch(() => '');
  throw new SluiceError('rolloutFailed', `sluice ${args.join(' ')} ended with exit code ${code}`, {
    hint: `look into ${stage.scratch.folder}${tail === '' ? '' : ' and its serve.log'}`,
  });
}
