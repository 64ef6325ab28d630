import { createServer, type IncomingMessage, type Server } from 'node:http';
import { rm } from 'node:fs/promises';
import { err, type Result } from '#kernel';
import type { TargetProblem } from '#rollout';
import type { Agent } from './agent.ts';
import { isSystemError } from './archive.ts';
import { wire, type Command } from './agent-wire.schema.ts';

const largestOrder = 1024 * 1024;

/** A command is a small document from the same machine: who has not sent it in this time will not. */
const WHOLE_REQUEST_MS = 30_000;

/** Serves the agent's commands, `POST /<command>` with a JSON body, on a Unix socket that its owner alone may use. No caller can end the agent, nor keep a connection by not speaking. */
export async function serveAgent(agent: Agent, socket: string): Promise<Server> {
  const limits = { requestTimeout: WHOLE_REQUEST_MS, headersTimeout: WHOLE_REQUEST_MS, connectionsCheckingInterval: 5_000 };
  const server = createServer(limits, (request, response) => {
    answerTo(agent, request)
      .then(({ status, body }) => {
        response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
        response.end(JSON.stringify(body));
      })
      // The caller left in the middle of its command: nobody is there to answer, and nothing was begun.
      .catch(() => response.destroy());
  });
  await rm(socket, { force: true });
  const before = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(socket, resolve);
    });
  } finally {
    process.umask(before);
  }
  // What goes wrong with the listening socket later (no descriptors left) is the next caller's to meet: instances need the agent.
  server.on('error', () => undefined);
  return server;
}

type HttpAnswer = { readonly status: number; readonly body: Result<unknown, TargetProblem> };

const refusal = (status: number, message: string): HttpAnswer => ({ status, body: err({ kind: 'refused', message }) });

async function answerTo(agent: Agent, request: IncomingMessage): Promise<HttpAnswer> {
  const command = (request.url ?? '').slice(1);
  if (request.method !== 'POST' || !isCommand(command)) return refusal(404, `the agent has no command "${request.method} ${request.url}"`);
  const text = await bodyOf(request);
  if (text === undefined) return refusal(413, `${command}: more than ${largestOrder} bytes`);
  const parsed = wire[command].input.safeParse(parseJson(text));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return refusal(400, `${command}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not as expected'}`);
  }
  try {
    const run = agent.commands[command] as (input: unknown) => Promise<Result<unknown, TargetProblem>>;
    return { status: 200, body: await run(parsed.data) };
  } catch (error) {
    if (isSystemError(error)) return refusal(200, `${command}: ${error.message}`);
    return refusal(500, `${command}: the agent failed: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const isCommand = (name: string): name is Command => Object.hasOwn(wire, name);

async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > largestOrder) return undefined;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
