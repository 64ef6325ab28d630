import { z } from 'zod';
import { grantableRights, lowerable, machineRights, type Confirmation, type Member, type RegisterChange } from '#access';
import { isDigest, isoTime, type Digest } from '#kernel';
import type { ChangeAnswer, RegisterView, Submission } from '#workflow';

/** The wire of the register of people. */

const reference = z.string().regex(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'expected a random reference (a UUID)');
const digest = z.custom<Digest>(isDigest, 'expected a digest: sha256: and 64 hexadecimal digits');
const word = z.string().regex(/^[A-Za-z0-9][\w-]{0,63}$/, 'expected a name of letters, digits, "-" and "_"');
const instant = z.iso.datetime();
const salt = z.string().regex(/^[0-9a-f]{32}$/, 'expected 16 bytes, hexadecimal');
const signature = z.string().regex(/^[A-Za-z0-9+/]{86}==$/, 'expected a signature');
const publicKey = z.string().regex(/^[A-Za-z0-9+/]{43}=$/, 'expected a public key');

const personFields = {
  id: reference,
  name: z.string().min(1).max(200),
  emails: z.array(z.string().min(3).max(320)).min(1).max(32),
  functions: z.array(word).max(16),
  publicKey,
};
const rights = z.array(z.enum(grantableRights)).max(16);

/** What a person shows to be admitted. */
export const cardWire = z.strictObject({ ...personFields, proof: signature });
export const cardRequest = z.strictObject({ card: cardWire, salt });

const memberWire = z.strictObject({ ...personFields, rights, salt });
const recordedPerson = z.strictObject({ personRef: reference, publicKey, functions: z.array(word).max(16), rights, memberDigest: digest });

const changeWire = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('admit'), person: recordedPerson }),
  z.strictObject({ kind: z.literal('change'), person: recordedPerson }),
  z.strictObject({ kind: z.literal('remove'), personRef: reference }),
  z.strictObject({
    kind: z.literal('admit-machine'),
    machine: z.strictObject({
      machineRef: reference,
      name: word,
      rights: z.array(z.enum(machineRights)).min(1).max(8),
      tokenDigest: digest,
      expiresAt: z.number().int().nonnegative().max(8_640_000_000_000_000).nullable(),
    }),
  }),
  z.strictObject({ kind: z.literal('revoke-machine'), machineRef: reference }),
  z.strictObject({
    kind: z.literal('grant-lease'),
    lease: z.strictObject({
      leaseRef: z.string().regex(/^[0-9A-Za-z]{1,64}$/),
      lowers: z.enum(lowerable),
      environment: word,
      expiresAt: z.number().int().nonnegative().max(8_640_000_000_000_000),
      reasonDigest: digest,
    }),
  }),
  z.strictObject({ kind: z.literal('end-lease'), leaseRef: z.string().regex(/^[0-9A-Za-z]{1,64}$/) }),
]);

const confirmationWire = z.strictObject({ personRef: reference, expiresAt: instant, signature });
export const confirmRequest = z.strictObject({ confirmation: confirmationWire });

/** A change, what the record must not hold of it, and the first signature. */
export const changeRequest = z.strictObject({
  change: changeWire,
  member: memberWire.optional(),
  reason: z
    .strictObject({
      text: z
        .string()
        .min(1)
        .max(1_000)
        .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'expected one line'),
      salt,
    })
    .optional(),
  confirmation: confirmationWire,
});

/** What a change came to. */
export const changeAnswer = z.strictObject({
  state: z.enum(['applied', 'waiting']),
  number: z.number().int(),
  counted: z.number().int().optional(),
  needed: z.number().int().optional(),
});

/** The register as clients see it. */
export const registerWire = z.strictObject({
  plane: z.string(),
  version: z.number().int(),
  confirmations: z.number().int(),
  people: z.array(memberWire),
  waiting: z.array(
    z.strictObject({
      number: z.number().int(),
      at: instant,
      proposedBy: z.string(),
      change: changeWire,
      member: memberWire.optional(),
      reason: z.string().optional(),
      confirmedBy: z.array(reference),
    }),
  ),
  machines: z.array(
    z.strictObject({ machineRef: reference, name: z.string(), rights: z.array(z.string()), expiresAt: instant.optional() }),
  ),
  leases: z.array(
    z.strictObject({
      leaseRef: z.string(),
      lowers: z.string(),
      environment: z.string(),
      owner: reference,
      reason: z.string(),
      expiresAt: instant,
    }),
  ),
});

export type CardRequest = z.infer<typeof cardRequest>;
export type ChangeRequest = z.infer<typeof changeRequest>;
export type ChangeAnswerWire = z.infer<typeof changeAnswer>;
export type RegisterWire = z.infer<typeof registerWire>;

/** A confirmation as it was signed. */
export const confirmationOf = ({ personRef, expiresAt, signature: bytes }: z.infer<typeof confirmationWire>): Confirmation => ({
  personRef,
  expiresAt: Date.parse(expiresAt),
  signature: bytes,
});
export const confirmationToWire = ({ personRef, expiresAt, signature: bytes }: Confirmation): z.infer<typeof confirmationWire> => ({
  personRef,
  expiresAt: isoTime(expiresAt),
  signature: bytes,
});

/** A submission as the engine takes it. */
export const submissionOf = ({ change, member, reason, confirmation }: ChangeRequest): Submission => ({
  change,
  ...(member === undefined ? {} : { member }),
  ...(reason === undefined ? {} : { reason }),
  confirmation: confirmationOf(confirmation),
});

export const answerToWire = (answer: ChangeAnswer): ChangeAnswerWire =>
  answer.kind === 'applied'
    ? { state: 'applied', number: answer.number }
    : { state: 'waiting', number: answer.number, counted: answer.counted, needed: answer.needed };

const memberToWire = (member: Member): z.infer<typeof memberWire> => ({
  id: member.id,
  name: member.name,
  emails: [...member.emails],
  functions: [...member.functions],
  publicKey: member.publicKey,
  rights: [...member.rights],
  salt: member.salt,
});

/** Changes are data without methods: a copy is the same change. */
const changeToWire = (change: RegisterChange): z.infer<typeof changeWire> => structuredClone(change) as z.infer<typeof changeWire>;

export const registerToWire = ({ plane, register, members, waiting, reasons }: RegisterView, now: number): RegisterWire => ({
  plane,
  version: register.version,
  confirmations: register.confirmations,
  people: members.map(memberToWire),
  waiting: waiting.map(({ number, at, proposal }) => ({
    number,
    at: isoTime(at),
    proposedBy: proposal.proposedBy,
    change: changeToWire(proposal.change),
    ...(proposal.member === undefined ? {} : { member: memberToWire(proposal.member) }),
    ...(proposal.reason === undefined ? {} : { reason: proposal.reason.text }),
    confirmedBy: proposal.confirmations.map(({ personRef }) => personRef),
  })),
  machines: [...register.machines.values()].map(({ machineRef, name, rights: granted, expiresAt }) => ({
    machineRef,
    name,
    rights: [...granted],
    ...(expiresAt === null ? {} : { expiresAt: isoTime(expiresAt) }),
  })),
  leases: [...register.leases.values()]
    .filter(({ expiresAt }) => expiresAt > now)
    .map(({ leaseRef, lowers, environment, owner, expiresAt }) => ({
      leaseRef,
      lowers,
      environment,
      owner,
      reason: reasons.get(leaseRef) ?? '',
      expiresAt: isoTime(expiresAt),
    })),
});
