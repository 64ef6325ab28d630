import { z } from 'zod';
import { isDigest, type Digest } from '#kernel';
import type { Attestation, InstanceStatus, ProbeAnswer, InstanceUsage, SlotStatus, TargetProblem } from '#rollout';
import {
  instanceExitSchema,
  isolationSchema,
  nameSchema,
  orderKeySchema,
  requestPathSchema,
  serviceKeySchema,
  slotOrderSchema,
  slotSchema,
} from './slot-record.schema.ts';

const slotOf = z.strictObject({ service: serviceKeySchema, slot: slotSchema });
const digest = z.custom<Digest>(isDigest);

const usage = z.object({ memoryBytes: z.number(), cpuMs: z.number() }) satisfies z.ZodType<InstanceUsage>;

const instanceStatus = z.object({
  name: z.string(),
  state: z.enum(['starting', 'healthy', 'unhealthy', 'exited', 'stopping', 'stopped']),
  pid: z.int().exactOptional(),
  endpoint: z.object({ host: z.string(), port: z.int() }).exactOptional(),
  restarts: z.int(),
  healthFailuresInARow: z.int(),
  note: z.string().exactOptional(),
  lastExit: instanceExitSchema.exactOptional(),
  usage: usage.exactOptional(),
}) satisfies z.ZodType<InstanceStatus>;

const slotStatus = z.object({
  service: serviceKeySchema,
  slot: slotSchema,
  key: z.string().exactOptional(),
  version: z.string().exactOptional(),
  isolation: isolationSchema.exactOptional(),
  instances: z.array(instanceStatus).readonly(),
}) satisfies z.ZodType<SlotStatus>;

const attestation = z.object({
  instance: z.string(),
  pid: z.int(),
  artifact: digest,
  executable: digest,
  program: z.object({ runs: z.string(), ordered: z.string() }).exactOptional(),
  foreign: z.array(z.string()).readonly().exactOptional(),
  selfReported: z.object({ version: z.string().exactOptional(), digest: z.string().exactOptional() }).exactOptional(),
}) satisfies z.ZodType<Attestation>;

const probeAnswer = z.object({ instance: z.string(), status: z.int(), body: z.string() }) satisfies z.ZodType<ProbeAnswer>;

const listing = z.object({
  pid: z.int(),
  router: z.object({ pid: z.int().exactOptional(), restarts: z.int(), note: z.string().exactOptional() }).exactOptional(),
  slots: z.array(slotStatus).readonly(),
  /** Records that could not be read at the start and were set aside. */
  damaged: z.array(z.string()).readonly(),
});

/** Everything that runs on a host, for people. */
export type AgentListing = z.infer<typeof listing>;

/** What an agent is told over its socket, and what it answers: the one place of both. */
export const wire = {
  'resolve-executable': { input: slotOrderSchema.pick({ start: true, artifact: true, archive: true }), output: digest },
  place: { input: slotOrderSchema, output: slotStatus },
  observe: { input: slotOf, output: slotStatus },
  attest: { input: slotOf, output: z.array(attestation).readonly() },
  probe: { input: slotOf.extend({ path: requestPathSchema }), output: z.array(probeAnswer).readonly() },
  retire: { input: slotOf.extend({ key: orderKeySchema }), output: slotStatus },
  preserve: { input: slotOf.extend({ key: orderKeySchema, name: nameSchema }), output: z.string() },
  ps: { input: z.strictObject({}), output: listing },
  stop: { input: z.strictObject({ instances: z.boolean() }), output: z.strictObject({ left: z.array(z.int()).readonly() }) },
} as const;

/** The commands of an agent. */
export type Command = keyof typeof wire;
/** What a command takes. */
export type Input<C extends Command> = z.infer<(typeof wire)[C]['input']>;
/** What a command gives. */
export type Output<C extends Command> = z.infer<(typeof wire)[C]['output']>;

/** A kind that is missing here breaks the build: its answer could not be read. */
const problemKinds = {
  unreachable: 'unreachable',
  'archive-unreadable': 'archive-unreadable',
  'digest-mismatch': 'digest-mismatch',
  'never-healthy': 'never-healthy',
  'slot-busy': 'slot-busy',
  'missing-secret': 'missing-secret',
  refused: 'refused',
} as const satisfies { readonly [K in TargetProblem['kind']]: K };

/** An answer on the wire: a value, or a problem as data. */
export const answerSchema = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), value: z.unknown() }),
  z.object({ ok: z.literal(false), error: z.object({ kind: z.enum(problemKinds), message: z.string() }) }),
]);
