import { z } from 'zod';
import { isDigest, type Digest, type Duration, type Isolation } from '#kernel';
import type { InstanceExit, ServiceKey, SlotOrder } from '#rollout';

/** One name in a path that we build: no slash, no leading dot, nothing a shell would mind. */
const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'expected letters, digits, dot, dash and underscore');
const duration = z.custom<Duration>((value) => typeof value === 'number' && Number.isFinite(value) && value >= 0, 'expected milliseconds');
const variables = z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected the name of a variable'), z.string());

/** `environment/service`. */
export const serviceKeySchema = z.custom<ServiceKey>(
  (value) => typeof value === 'string' && /^[A-Za-z0-9][\w.-]{0,99}\/[A-Za-z0-9][\w.-]{0,99}$/.test(value),
  'expected environment/service',
);
/** Blue or green. */
export const slotSchema = z.enum(['blue', 'green']);
/** What names an order. */
export const orderKeySchema = z.string().min(1).max(200);
/** The name of a folder for preserved evidence. */
export const nameSchema = name;

/** The path of a request, in characters that HTTP sends as they are. */
export const requestPathSchema = z.string().regex(/^\/[\x21-\x7e]*$/, 'expected a path of printable ASCII, starting with /');

const bound = z.int().min(1);

const digest = z.custom<Digest>(isDigest, 'expected sha256: and 64 hexadecimal digits');
const looks = z.int().min(1).max(100);
/** Orders from before there were thresholds have none: they get what a definition without a word about it gets. */
const probe = { interval: duration, timeout: duration, rise: looks.default(1), fall: looks.default(3) };

/** A slot order from the wire or from disk. */
export const slotOrderSchema = z.strictObject({
  key: orderKeySchema,
  service: serviceKeySchema,
  slot: slotSchema,
  version: z.string(),
  artifact: digest,
  archive: z.string().min(1),
  executable: digest,
  start: z.tuple([z.string().min(1)], z.string()).readonly(),
  instances: z.int().min(1).max(64),
  env: variables,
  secrets: z.array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/)).readonly(),
  folders: z.record(z.string(), name),
  health: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('http'), path: requestPathSchema, ...probe }),
    z.strictObject({ kind: z.literal('connect'), ...probe }),
  ]),
  startWithin: duration,
  stopWithin: duration,
  limits: z
    .strictObject({ memoryBytes: bound.exactOptional(), processes: bound.exactOptional(), scratchBytes: bound.exactOptional() })
    .exactOptional(),
}) satisfies z.ZodType<SlotOrder>;

const launch = { port: z.int(), token: z.string() };

/**
 * One start of an instance. The intent, with the token that will mark the process, is on disk before the process exists (I4):
 * an agent that died between the two finds the process by its token instead of starting a second one.
 */
const startSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('none') }),
  z.strictObject({ kind: z.literal('intended'), ...launch }),
  z.strictObject({ kind: z.literal('started'), ...launch, pid: z.int(), startTicks: z.int(), healthy: z.boolean() }),
]);

/** How a process of an instance ended, on the wire and on disk. */
export const instanceExitSchema = z.object({
  how: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('code'), code: z.int() }),
    z.object({ kind: z.literal('signal'), signal: z.string() }),
    z.object({ kind: z.literal('unknown') }),
  ]),
  at: z.number(),
  lastLines: z.array(z.string()).readonly(),
}) satisfies z.ZodType<InstanceExit>;

/** How well a slot's instances are kept to themselves. */
export const isolationSchema = z.enum(['bubblewrap', 'namespaces', 'none']) satisfies z.ZodType<Isolation>;

const instanceSchema = z.strictObject({
  name: z.string(),
  restarts: z.int(),
  start: startSchema,
  lastExit: instanceExitSchema.exactOptional(),
});

/** What the agent knows about a slot, as it lies on disk. */
export const slotRecordSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('empty'), service: serviceKeySchema, slot: slotSchema }),
  z.strictObject({
    kind: z.enum(['occupied', 'retiring']),
    service: serviceKeySchema,
    slot: slotSchema,
    order: slotOrderSchema,
    tree: z.string(),
    /** Records from before say which program they start: it is looked up before each start now. */
    program: z.string().exactOptional(),
    /** As it was when the slot was filled, so that a start later on is never less confined than the first. */
    isolation: isolationSchema.default('none'),
    instances: z.array(instanceSchema).readonly(),
  }),
]);

/** What the agent knows about a slot. */
export type SlotRecord = z.infer<typeof slotRecordSchema>;
/** A slot with something in it. */
export type FilledRecord = Exclude<SlotRecord, { kind: 'empty' }>;
/** What the agent knows about an instance. */
export type InstanceRecord = z.infer<typeof instanceSchema>;
/** Where an instance stands between intent and identity. */
type InstanceStart = z.infer<typeof startSchema>;
/** A start that has a port and a token. */
export type Launch = Exclude<InstanceStart, { kind: 'none' }>;
