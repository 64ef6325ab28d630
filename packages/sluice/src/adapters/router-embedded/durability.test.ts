import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ownCommand, siblingModule, signalProcess, socketPath, systemClock } from '#host';
import { SimulatedClock } from '#kernel';
import { api, get, must, RouterTestRig, split, until } from './fixtures/router-rig.ts';
import { embeddedRouter, startRouter } from './index.ts';

const journalOf = (rig: RouterTestRig): string => join(rig.folder, 'router.journal');
const hasPrlimit = existsSync('/usr/bin/prlimit');

/** The largest file the router may write: as good as a full disk, and it ends when the test says so. */
function limitFiles(rig: RouterTestRig, bytes: number | 'unlimited'): void {
  execFileSync('/usr/bin/prlimit', ['--pid', String(rig.identity?.pid), `--fsize=${bytes}:unlimited`]);
}

describe('what a router keeps', () => {
  test.skipIf(!hasPrlimit)(
    'I7: with a full disk a forward move is refused and not applied; a revert moves traffic and says that its record is pending',
    async () => {
      await using rig = await RouterTestRig.start();
      const blue = await rig.instance((_, res) => res.end('blue'));
      const green = await rig.instance((_, res) => res.end('green'));
      const { port, epoch } = await rig.service({ blue: [blue.endpoint], green: [green.endpoint] }, { weights: split(10_000) });
      const journal = readFileSync(journalOf(rig));
      // Room for a part of a line only.
      limitFiles(rig, journal.length + 20);

      const refusal = await rig.router.route(api, { epoch, weights: split(5_000), revertTo: 'blue' });
      expect(refusal).toMatchObject({ ok: false, error: { kind: 'not-durable' } });
      expect((await rig.observe()).weights).toEqual(split(10_000));
      expect(readFileSync(journalOf(rig))).toEqual(journal);
      expect((await rig.router.takeEpoch(api, epoch)).ok).toBe(false);
      expect((await get(port)).body).toBe('green');

      const reverted = must(await rig.router.revert(api, { id: 'r1', by: 'ada', reason: 'test' }));
      expect([reverted.weights, reverted.epoch, reverted.latch?.by]).toEqual([split(0), epoch + 1, 'ada']);
      expect(reverted.recordPending).toMatch(/EFBIG|ENOSPC/);
      expect((await get(port)).body).toBe('blue');

      limitFiles(rig, 'unlimited');
      await until(async () => (await rig.observe()).recordPending === undefined);
      await rig.restart();
      const after = await rig.observe();
      expect([after.weights, after.epoch, after.latch?.by]).toEqual([split(0), epoch + 1, 'ada']);
      expect(must(await rig.router.revertsAfter(undefined)).map(({ id }) => id)).toEqual(['r1']);
    },
  );

  test('I14: a last line cut short was never acknowledged: it is dropped, and all before it holds', async () => {
    await using rig = await RouterTestRig.start();
    const { epoch } = await rig.service({}, { weights: split(500) });
    await rig.kill();
    const size = statSync(journalOf(rig)).size;
    truncateSync(journalOf(rig), size - 7);
    await rig.restart();
    const after = await rig.observe();
    expect([after.epoch, after.weights, after.latch]).toEqual([epoch, { blue: 0, green: 0 }, undefined]);
    must(await rig.router.route(api, { epoch, weights: split(500), revertTo: 'blue' }));
    await rig.restart();
    expect((await rig.observe()).weights).toEqual(split(500));
  });

  test('I14: a last line that was altered may have been a revert: everything is latched under a new epoch', async () => {
    await using rig = await RouterTestRig.start();
    const { epoch } = await rig.service({}, { weights: split(500) });
    must(await rig.router.revert(api, { id: 'r1', by: 'ada', reason: 'test' }));
    await until(() => readFileSync(journalOf(rig), 'utf8').includes('revert-timed'));
    await rig.kill();
    const kept = readFileSync(journalOf(rig), 'utf8').trimEnd().split('\n').slice(0, -1);
    writeFileSync(journalOf(rig), `${kept.slice(0, -1).join('\n')}\n${(kept.at(-1) ?? '').replace('"ada"', '"adb"')}\n`);
    await rig.restart();
    const after = await rig.observe();
    expect([after.epoch, after.latch?.by]).toEqual([epoch + 1, 'router']);
    expect(await rig.router.route(api, { epoch, weights: split(10_000) })).toMatchObject({ ok: false, error: { kind: 'latched' } });
    // It is written down: the next start does not raise the epoch again.
    await rig.restart();
    expect((await rig.observe()).epoch).toBe(epoch + 1);
  });

  test('a journal damaged in its middle stops the start with one clear line', async () => {
    await using rig = await RouterTestRig.start();
    await rig.service({}, { weights: split(500) });
    await rig.kill();
    const bytes = readFileSync(journalOf(rig));
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    writeFileSync(journalOf(rig), bytes);
    await expect(startRouter({ stateFolder: rig.folder, clock: systemClock })).rejects.toThrow(
      /router\.journal is damaged at byte \d+, .*restore the file/,
    );
  });

  test('a journal of thousands of moves is compacted, and says the same after a restart', async () => {
    await using rig = await RouterTestRig.start();
    const { epoch } = await rig.service({});
    for (let move = 0; move < 2_500; move += 1) must(await rig.router.route(api, { epoch, weights: split(move), revertTo: 'blue' }));
    expect(readFileSync(journalOf(rig), 'utf8').split('\n').length).toBeLessThan(2_200);
    await rig.restart();
    expect((await rig.observe()).weights).toEqual(split(2_499));
    expect(readdirSync(rig.folder).filter((name) => name.includes('.next') || name.includes('.tmp'))).toEqual([]);
  });

  test('I14: SIGKILL while weight moves and a revert comes: what was acknowledged holds, the epoch never goes back', async () => {
    await using rig = await RouterTestRig.start();
    let { epoch } = await rig.service({}, { weights: split(500) });
    for (let round = 0; round < 8; round += 1) {
      const moves = Array.from({ length: 5 }, (_, move) => rig.router.route(api, { epoch, weights: split(move + 1), revertTo: 'blue' }));
      const revert = rig.router.revert(api, { id: `r${round}`, by: 'ada', reason: 'test' });
      // Die at another moment each round: at once, after the first answer, …
      if (round % 4 > 0) await (round % 4 === 3 ? revert : moves[round % 4]);
      await rig.kill();
      const answer = await revert;
      await Promise.all(moves);
      await rig.restart();
      const after = await rig.observe();
      expect(after.epoch).toBeGreaterThanOrEqual(epoch);
      if (answer.ok) expect([after.epoch, after.latch?.by, after.weights]).toEqual([epoch + 1, 'ada', split(0)]);
      epoch = must(await rig.router.takeEpoch(api, after.epoch)).epoch;
    }
  });
});

describe('one router for each state folder', () => {
  test('many starts at once give one router; another start sees it, says so and ends', async () => {
    await using rig = await RouterTestRig.start();
    await rig.kill();
    const started = await Promise.all(Array.from({ length: 4 }, () => startRouter({ stateFolder: rig.folder, clock: systemClock })));
    rig.identity = started[0];
    expect(new Set(started.map(({ pid }) => pid)).size).toBe(1);
    const { command, args } = ownCommand(siblingModule(import.meta.url, './router-main'), ['--state', rig.folder]);
    const second = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    second.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const [code] = (await once(second, 'close')) as [number];
    expect([code, said.includes(`another router (pid ${started[0]?.pid}) serves ${rig.folder}`)]).toEqual([0, true]);
    expect(readdirSync(rig.folder).filter((name) => name.startsWith('router.lock'))).toHaveLength(1);
  });

  test('its control socket is for its owner alone, and garbage on it changes nothing', async () => {
    await using rig = await RouterTestRig.start();
    const { epoch } = await rig.service({}, { weights: split(500) });
    const path = socketPath(rig.folder, 'router');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const post = (name: string, body: string): string =>
      `POST /v1/${name} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
    const garbage: readonly (readonly [string, RegExp])[] = [
      ['\u0000\u0001garbage\r\n\r\n', /^HTTP\/1.1 400/],
      [post('route', '{'), /^HTTP\/1.1 400/],
      [post('route', '[]'), /^HTTP\/1.1 400/],
      [post('route', JSON.stringify({ service: api, epoch, weights: { blue: 9_000, green: 500 } })), /^HTTP\/1.1 400.*together/s],
      [post('route', JSON.stringify({ service: api, epoch, weights: { blue: 0.5, green: 9_999.5 } })), /^HTTP\/1.1 400.*whole number/s],
      [post('route', JSON.stringify({ service: '../../etc', epoch, weights: split(0) })), /^HTTP\/1.1 400.*service/s],
      [post('revert', JSON.stringify({ service: api, id: '', by: 'x', reason: 'y' })), /^HTTP\/1.1 400.*id/s],
      [post('constructor', '{}'), /^HTTP\/1.1 404/],
      [post('observe', `"${'x'.repeat(300_000)}"`), /^HTTP\/1.1 400.*longer/s],
    ];
    for (const [bytes, answer] of garbage) expect(await say(path, bytes)).toMatch(answer);
    expect((await rig.observe()).weights).toEqual(split(500));
  });

  test('a router that is gone is unreachable, in words, and nothing throws', async () => {
    await using rig = await RouterTestRig.start();
    await rig.kill();
    const gone = embeddedRouter({ stateFolder: rig.folder, clock: systemClock });
    expect(await gone.observe(api)).toMatchObject({ ok: false, error: { kind: 'unreachable' } });
    expect(await gone.revert(api, { id: 'r', by: 'a', reason: 'b' })).toMatchObject({ ok: false, error: { kind: 'unreachable' } });
    expect(await gone.revertsAfter(undefined)).toMatchObject({ ok: false, error: { kind: 'unreachable' } });
  });

  test('I2: a router that hangs is unreachable after a bounded time', async () => {
    await using rig = await RouterTestRig.start();
    await rig.service({});
    if (rig.identity !== undefined) signalProcess(rig.identity, 'SIGSTOP');
    const clock = new SimulatedClock();
    const answer = embeddedRouter({ stateFolder: rig.folder, clock }).observe(api);
    await until(() => clock.sleeping === 1);
    await clock.advance(5_000);
    expect(await answer).toMatchObject({ ok: false, error: { kind: 'unreachable' } });
  });

  test('I3: the port of a service is its own again as soon as whoever took it meanwhile lets go', async () => {
    await using rig = await RouterTestRig.start();
    const { endpoint } = await rig.instance((_, res) => res.end('ok'));
    const { port } = await rig.service({ blue: [endpoint] });
    await rig.kill();
    const thief = createServer();
    thief.on('error', () => {});
    // The last threads of the killed process may hold the port a little longer than its main one lives.
    await until(async () => {
      thief.listen(port, '127.0.0.1');
      return (await Promise.race([once(thief, 'listening'), once(thief, 'error')]).catch(() => undefined)) !== undefined && thief.listening;
    });
    await rig.restart();
    expect((await rig.observe()).listen.port).toBe(port);
    await new Promise((resolve) => thief.close(resolve));
    await until(() =>
      get(port).then(
        ({ body }) => body === 'ok',
        () => false,
      ),
    );
  });
});

function say(path: string, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let got = '';
    const socket = connect(path, () => socket.write(bytes));
    socket.on('data', (chunk) => (got += chunk.toString()));
    socket.on('error', () => {});
    socket.on('close', () => resolve(got));
  });
}
