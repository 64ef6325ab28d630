import { createServer, type Server, type Socket } from 'node:net';
import {
  asLine,
  LineReader,
  LineTooLong,
  MalformedCommand,
  parseCommand,
  PROTOCOL,
  type Answer,
  type Greeting,
  type Reply,
} from '../wire/index.ts';
import type { Writer } from './writer.ts';

/** Serves the line protocol of `src/wire/protocol.md` on sockets; one reply per request, in order. */
export class CommandServer {
  readonly #writer: Writer;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  #closing = false;

  constructor(writer: Writer) {
    this.#writer = writer;
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
  }

  async listen(port: number, host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        const address = this.#server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : port);
      });
    });
  }

  /** Takes no further command, answers what was taken, and hangs up; peers send the rest to whoever is next. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#server.close();
    await this.#writer.idle();
    for (const socket of this.#sockets) socket.destroySoon();
  }

  #accept(socket: Socket): void {
    if (this.#closing) {
      socket.destroy();
      return;
    }
    const lines = new LineReader();
    this.#sockets.add(socket);
    socket.setEncoding('utf8');
    socket.on('error', () => socket.destroy()); // a peer that vanishes is expected; it resends to the next connection
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('data', (chunk: string) => {
      try {
        for (const line of lines.read(chunk)) if (!this.#closing) this.#take(socket, line);
      } catch (error) {
        if (!(error instanceof LineTooLong)) throw error;
        socket.destroy();
      }
    });
    socket.write(asLine({ hello: 'exchange-engine', protocol: PROTOCOL } satisfies Greeting));
  }

  #take(socket: Socket, line: string): void {
    const request = parseRequest(line);
    if (request === undefined) {
      socket.destroy(); // without a number there is nobody to answer: not a speaker of this protocol
      return;
    }
    const send = (answer: Answer): void => {
      if (socket.writable) socket.write(asLine({ n: request.n, answer } satisfies Reply));
    };
    try {
      this.#writer.submit(parseCommand(request.command), send);
    } catch (error) {
      if (!(error instanceof MalformedCommand)) throw error;
      send({ kind: 'refused', code: 'malformed', message: error.message });
    }
  }
}

function parseRequest(line: string): { readonly n: number; readonly command: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== 'object' || value === null || !('n' in value) || typeof value.n !== 'number') return undefined;
    return { n: value.n, command: 'command' in value ? value.command : undefined };
  } catch {
    return undefined;
  }
}
