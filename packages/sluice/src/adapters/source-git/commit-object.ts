import { createHash } from 'node:crypto';
import { err, formatCount, ok, type Result } from '#kernel';

/** A commit as its object says, whatever the repository's configuration, grafts and replacements would make of it. */
export type CommitObject = {
  readonly sha: string;
  readonly parents: readonly string[];
  readonly authorEmail: string;
  readonly committerEmail: string;
  readonly subject: string;
  readonly message: string;
};

/** Where a subject is cut: it is shown in one line and kept in every row of its deployment. */
const longestSubject = 1_000;

/** The objects that `git cat-file --batch` wrote, in their order; an error is what is wrong with which. */
export function readObjects(output: Buffer, shas: readonly string[]): Result<readonly CommitObject[], string> {
  const objects: CommitObject[] = [];
  let at = 0;
  for (const sha of shas) {
    const end = output.indexOf(0x0a, at);
    const size = new RegExp(`^${sha} commit ([0-9]+)$`).exec(output.toString('latin1', at, Math.max(at, end)))?.[1];
    if (size === undefined) return err(`commit ${sha.slice(0, 7)} is not there`);
    const from = end + 1;
    at = from + Number(size) + 1;
    const object = readObject(sha, output.subarray(from, at - 1));
    if (!object.ok) return err(`commit ${sha.slice(0, 7)} ${object.error}`);
    objects.push(object.value);
  }
  return ok(objects);
}

/** The header of an author or committer. What does not look exactly so is no answer to who made the commit. */
const person = /^(?:author|committer) (?:[^<>]* )?<([^<>]*)> [0-9]+ [+-][0-9]{4}$/;

/** Reads one commit, strictly: what two readers could understand in two ways is refused, because it would name other people to each. */
function readObject(sha: string, bytes: Buffer): Result<CommitObject, string> {
  const hash = createHash(sha.length === 40 ? 'sha1' : 'sha256').update(`commit ${bytes.length}\0`);
  if (hash.update(bytes).digest('hex') !== sha) return err('does not hold what its id says');
  if (bytes.includes(0)) return err('holds a NUL byte, behind which tools read no further');
  const gap = bytes.indexOf('\n\n');
  const head = gap === -1 ? bytes.toString('latin1') : bytes.toString('latin1', 0, gap);
  const encodings = headers(head, 'encoding');
  const decode = decoderOf(encodings[0]?.slice('encoding '.length) ?? 'utf-8');
  if (decode === undefined || encodings.length > 1) return err('is in an encoding that is not known here');
  const [author, committer] = (['author', 'committer'] as const).map((role) => {
    const lines = headers(head, role);
    const email = lines.length === 1 ? person.exec(lines[0] ?? '')?.[1] : undefined;
    return email === undefined ? undefined : Buffer.from(email, 'latin1').toString('utf8');
  });
  if (author === undefined || committer === undefined) return err('has no author or committer that can be read');
  const message = gap === -1 ? '' : decode(bytes.subarray(gap + 2));
  const parents = headers(head, 'parent').map((line) => line.slice('parent '.length));
  return ok({ sha, parents, authorEmail: author, committerEmail: committer, subject: subjectOf(message), message });
}

const headers = (head: string, name: string): readonly string[] => head.split('\n').filter((line) => line.startsWith(`${name} `));

function decoderOf(label: string): ((bytes: Uint8Array) => string) | undefined {
  try {
    const decoder = new TextDecoder(label);
    return (bytes) => decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** The first paragraph in one line, as git shows it. */
function subjectOf(message: string): string {
  const [paragraph = ''] = message.replace(/^\n+/, '').split(/\n[ \t]*\n/, 1);
  const subject = paragraph.trimEnd().replaceAll('\n', ' ');
  const rest = subject.length - longestSubject;
  return rest <= 0 ? subject : `${subject.slice(0, longestSubject).toWellFormed()}… and ${formatCount(rest)} more characters`;
}
