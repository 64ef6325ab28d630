import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { test } from 'node:test';
import { LineReader, PROTOCOL, type Request } from '../wire/index.ts';
import { EngineLink, EngineUnreachable } from './engine-link.ts';

/** An engine that does only what the test tells it to. */
class SteeredEngine implements AsyncDisposable {
  readonly #server: Server;
  readonly #requests: Request[] = [];
  readonly #sockets = new Set<Socket>();
  #changed = Promise.withResolvers<void>();
  connections = 0;

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket) => this.#accept(socket));
  }

  static async start(greeting: object | 'none' = { hello: 'exchange-engine', protocol: PROTOCOL }): Promise<SteeredEngine> {
    const server = createServer();
    if (greeting !== 'none') server.on('connection', (socket) => socket.write(`${JSON.stringify(greeting)}\n`));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new SteeredEngine(server);
  }

  get address(): { readonly host: string; readonly port: number } {
    const bound = this.#server.address();
    assert.ok(typeof bound === 'object' && bound !== null);
    return { host: '127.0.0.1', port: bound.port };
  }

  /** Everything received so far, once it is at least this much. */
  async received(count: number): Promise<readonly Request[]> {
    while (this.#requests.length < count) await this.#changed.promise;
    return this.#requests;
  }

  send(text: string): void {
    for (const socket of this.#sockets) socket.write(text);
  }

  hangUp(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async connected(count: number): Promise<void> {
    while (this.connections < count) await this.#changed.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.hangUp();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(socket: Socket): void {
    const lines = new LineReader();
    this.connections++;
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      for (const line of lines.read(chunk)) this.#requests.push(JSON.parse(line) as Request);
      this.#notify();
    });
    this.#notify();
  }

  #notify(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

const cancel = (clientOrderId: string) => ({ op: 'cancel', clientOrderId }) as const;
const answerLine = (request: Request, lots: number): string => `${JSON.stringify({ n: request.n, answer: { kind: 'cancelled', lots } })}\n`;

test('commands are pipelined, and answers find their command in any order', async () => {
  await using engine = await SteeredEngine.start();
  const link = new EngineLink(engine.address, 60_000);
  const answers = Promise.all([link.ask(cancel('a')), link.ask(cancel('b'))]);
  const [a, b] = await engine.received(2);
  const late = { ...a!, n: 99 }; // an answer whose command was given up changes nothing
  engine.send(answerLine(late, 9) + answerLine(b!, 2) + answerLine(a!, 1));
  assert.deepEqual(await answers, [
    { kind: 'cancelled', lots: 1 },
    { kind: 'cancelled', lots: 2 },
  ]);
  assert.equal(link.state, 'up');
  assert.equal(link.pending, 0);
  link.close();
});

test('when the connection breaks, what was not answered is sent again in its old order, what was answered is not', async () => {
  await using engine = await SteeredEngine.start();
  const link = new EngineLink(engine.address, 60_000);
  const [a, b, c] = ['a', 'b', 'c'].map((id) => link.ask(cancel(id)));
  const first = await engine.received(3);
  engine.send(answerLine(first[1]!, 2));
  await b;
  engine.hangUp();
  const all = await engine.received(5);
  assert.deepEqual(
    all.slice(3).map(({ command }) => command),
    [cancel('a'), cancel('c')],
  );
  for (const request of all.slice(3)) engine.send(answerLine(request, 1));
  await Promise.all([a, c]);
  link.close();
});

test('a command that nobody answers within the deadline is given up with a reason, and forgotten', async () => {
  await using engine = await SteeredEngine.start();
  const link = new EngineLink(engine.address, 20);
  await assert.rejects(
    link.ask(cancel('a')),
    (error) => error instanceof EngineUnreachable && /did not answer within 20 ms/.test(error.message),
  );
  assert.equal(link.pending, 0); // so no later connection sends it again behind the back of whoever gave up
  link.close();
});

test('a port where somebody listens but never greets is left and tried again', async () => {
  await using mute = await SteeredEngine.start('none');
  const link = new EngineLink(mute.address, 60_000);
  await mute.connected(2);
  link.close();
});

test('a peer that is no engine of this protocol is not used', async () => {
  await using stranger = await SteeredEngine.start({ hello: 'exchange-engine', protocol: PROTOCOL + 1 });
  const link = new EngineLink(stranger.address, 20);
  await assert.rejects(link.ask(cancel('a')), EngineUnreachable);
  assert.equal(link.state, 'starting');
  link.close();
});
