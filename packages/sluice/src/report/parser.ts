import { deepFreeze, digestOf, err, ok, type Digest, type Result } from '#kernel';
import { Refusal, type Evidence, type ReportError } from './evidence.ts';
import { parseJunit } from './junit.ts';
import { parseLcov } from './lcov.ts';
import { decodeText, decodeXml } from './text-encoding.ts';

/** The formats that can be read. */
export type ReportFormat = 'junit' | 'lcov';

const parsers = {
  junit: parseJunit,
  lcov: parseLcov,
} satisfies Record<ReportFormat, (text: string, digest: Digest) => Evidence>;

/** A report of real tools has kilobytes; what is larger than this is a mistake or an attack. */
const largest = 64 * 1024 * 1024;

/**
 * A report as evidence, or why it is none. There is no third way: what is empty, cut off, of another format or encoding, or larger than any
 * report, is an error that a gate turns into inconclusive (I1). `origin` is how messages call it, mostly its path.
 */
export function parseReport(format: ReportFormat, bytes: Uint8Array, origin: string): Result<Evidence, ReportError> {
  const refused = (kind: ReportError['kind'], fact: string): Result<never, ReportError> => err({ kind, message: `${origin}: ${fact}` });
  if (bytes.byteLength > largest) return refused('unreadable', `larger than ${largest / 1024 / 1024} MiB`);
  const text = format === 'junit' ? decodeXml(bytes) : decodeText(bytes, 'utf-8');
  if (text === undefined) return refused('unreadable', format === 'junit' ? 'not text in the encoding that it declares' : 'not UTF-8 text');
  if (text.trim() === '') return refused('empty', bytes.byteLength === 0 ? 'the file is empty' : 'the file holds nothing but white space');
  try {
    return ok(deepFreeze(parsers[format](text, digestOf(bytes))));
  } catch (error) {
    if (error instanceof Refusal) return refused(error.kind, error.message);
    throw error;
  }
}
