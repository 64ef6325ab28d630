import { z } from 'zod';
import { canonicalJson, digestOf, isDigest, shortDigest, SluiceError, type Digest, type Json } from '#kernel';
import { approvalKind, releaseDigest, type ApprovalSubject } from '#release';

const digest = z.custom<Digest>(isDigest, 'expected a digest');
const json: z.ZodType<Json> = z.json();
const text = z.string();

const generated = z.strictObject({ output: text, job: text, files: z.number(), bytes: z.number(), digest });

const bundle = z.strictObject({
  artifacts: z.record(text, z.strictObject({ artifact: digest, executable: digest, generated: z.array(generated).exactOptional() })),
  config: z.record(text, json),
  parameters: z.record(text, z.record(text, json)),
  flags: z.record(text, z.union([z.boolean(), z.number(), text])),
  limits: z.record(text, z.number()),
  schemaChanges: z.array(z.strictObject({ name: text, digest })),
});

const release = z.strictObject({ digest, version: text, commit: text, bundle });

const commits = z.strictObject({
  count: z.number().int().nonnegative(),
  people: z.array(text),
  newest: z.array(z.strictObject({ sha: text, subject: text, author: text, committer: text, coAuthors: z.array(text) })),
  digest,
});

const document: z.ZodType<ApprovalSubject & { readonly kind: typeof approvalKind }> = z.strictObject({
  kind: z.literal(approvalKind),
  environment: text,
  service: text,
  release,
  previous: release.extend({ settings: json }).nullable(),
  settings: json,
  strategy: json,
  window: json,
  verdicts: z.array(z.strictObject({ gate: text, kind: text, because: text, digest })),
  rule: z.strictObject({
    functions: z.array(text),
    since: text.nullable(),
    machineIdentities: z.record(text, z.enum(['committer', 'author'])),
  }),
  commits: z.strictObject({ added: commits, removed: commits }).nullable(),
});

/**
 * Reads the document of an approval on the machine of whoever signs it, and digests it there. Whatever the control plane says besides is not looked at:
 * only a document in its one spelling, with nothing in it that is not known here and so would not be shown, and with releases that hash to their names.
 */
export function readApprovalDocument(source: string): { readonly subject: ApprovalSubject; readonly digest: Digest } {
  const parsed = document.safeParse(parse(source));
  const issue = parsed.error?.issues[0];
  if (!parsed.success) throw refusal(`cannot be read here (${issue?.path.join('.') ?? ''} ${issue?.message ?? ''})`);
  const { kind: _, ...subject } = parsed.data;
  if (canonicalJson(parsed.data) !== source) throw refusal('is not in canonical form, so that it could be read in two ways');
  for (const each of [subject.release, ...(subject.previous === null ? [] : [subject.previous])]) {
    const is = releaseDigest(each.bundle);
    if (is !== each.digest) throw refusal(`calls a release ${shortDigest(each.digest)} that is ${shortDigest(is)}`);
  }
  return { subject, digest: digestOf(source) };
}

function parse(source: string): unknown {
  try {
    return JSON.parse(source) as unknown;
  } catch {
    return undefined;
  }
}

const refusal = (fact: string): SluiceError =>
  new SluiceError('verificationFailed', `what the control plane asks to sign ${fact}`, {
    hint: 'do not approve; use the sluice that serves it, or have the control plane looked at',
  });
