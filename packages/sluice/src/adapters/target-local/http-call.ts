import { request } from 'node:http';

/** Where to call: a TCP endpoint or a Unix socket. */
export type CallTarget = { readonly host: string; readonly port: number } | { readonly socketPath: string };

export type Call = {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The whole call, connect included, in milliseconds; absent: as long as it takes. */
  readonly within?: number;
};

/** What came back, or why nothing did. */
export type CallAnswer =
  | { readonly kind: 'answered'; readonly status: number; readonly body: string }
  | { readonly kind: 'failed'; readonly message: string; readonly code?: string }
  | { readonly kind: 'timed-out' };

/** More of a body than anybody reads is not kept. */
const longestBody = 4 * 1024 * 1024;

/** One HTTP call on a connection of its own. */
export async function httpCall(target: CallTarget, call: Call): Promise<CallAnswer> {
  return new Promise((resolve) => {
    const signal = call.within === undefined ? undefined : AbortSignal.timeout(Math.max(1, Math.ceil(call.within)));
    const options = {
      ...target,
      method: call.method,
      path: call.path,
      headers: { ...call.headers, connection: 'close' },
      agent: false as const,
    };
    const failed = (error: NodeJS.ErrnoException): void =>
      resolve(
        signal?.aborted === true
          ? { kind: 'timed-out' }
          : { kind: 'failed', message: error.message, ...(error.code === undefined ? {} : { code: error.code }) },
      );
    const outgoing = request({ ...options, ...(signal === undefined ? {} : { signal }) }, (answer) => {
      const chunks: Buffer[] = [];
      let size = 0;
      answer.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size <= longestBody) chunks.push(chunk);
      });
      answer.once('end', () => resolve({ kind: 'answered', status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }));
      answer.on('error', failed);
    });
    outgoing.on('error', failed);
    // Nobody offered another protocol: an answer that changes to one is as good as none, and would be waited for without end.
    outgoing.once('upgrade', (_, socket) => {
      socket.destroy();
      resolve({ kind: 'failed', message: 'it answered with another protocol' });
    });
    outgoing.once('close', () => failed(new Error('the connection was closed before an answer was complete')));
    outgoing.end(call.body);
  });
}
