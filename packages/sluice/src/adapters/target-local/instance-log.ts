import { open } from 'node:fs/promises';
import { visibleLines } from '#kernel';

/** The end of a log is told with at most so many lines of so many characters. */
const LINES = 5;
const LONGEST_LINE = 170;
/** So much of the end of a log is read; a secret that begins before it is cut off with its line. */
const TAIL_BYTES = 16_384;

/** What a log says at its end. */
export type LogEnd = {
  /** In one line: its last line that names an error, else its last line. */
  readonly telling: string;
  /** Its last lines, oldest first. */
  readonly lines: readonly string[];
};

/** The end of a log, from a byte on, without the secrets of its instance and without control characters: it travels into reports and onto terminals, where neither may be (I11). */
export async function endOfLog(file: string, options: { readonly secrets: readonly string[]; readonly from?: number }): Promise<LogEnd> {
  const text = withoutSecrets(await tail(file, options.from ?? 0), options.secrets);
  const spoken = visibleLines(text, { characters: LONGEST_LINE })
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const words = spoken.filter((line) => !line.startsWith('at ') && !line.startsWith('Node.js v'));
  const telling = words.findLast((line) => /error|fatal|panic|refused/i.test(line)) ?? words.at(-1) ?? '';
  return { telling, lines: spoken.slice(-LINES).map((line) => line.slice(0, 200)) };
}

function withoutSecrets(text: string, secrets: readonly string[]): string {
  const written = secrets
    .filter((secret) => secret !== '')
    .flatMap((secret) => {
      const bytes = Buffer.from(secret);
      return [
        secret,
        JSON.stringify(secret).slice(1, -1),
        encodeURIComponent(secret),
        bytes.toString('base64'),
        bytes.toString('base64url'),
        bytes.toString('hex'),
      ];
    });
  // The longest first, or what a shorter one left of it would be told.
  return [...new Set(written)].toSorted((a, b) => b.length - a.length).reduce((told, secret) => told.replaceAll(secret, '***'), text);
}

async function tail(path: string, from: number): Promise<string> {
  try {
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    // A log that was emptied since is shorter than where this process began.
    const first = size < from ? 0 : from;
    const start = Math.max(first, size - TAIL_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(TAIL_BYTES), 0, TAIL_BYTES, start);
    const text = buffer.toString('utf8', 0, bytesRead);
    return start > first ? text.slice(text.indexOf('\n') + 1) : text;
  } catch {
    return '';
  }
}
