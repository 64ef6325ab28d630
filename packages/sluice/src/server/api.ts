import { timingSafeEqual } from 'node:crypto';
import { Hono, type Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { z } from 'zod';
import { digestOf, errorCodes, parseDigest, SluiceError, toWireError, type Result } from '#kernel';
import { deploymentToWire } from './deployment-wire.ts';
import { approveRequest, deployRequest, personWire, revertRequest, rollbackRequest } from './schema.ts';
import type { ServedEngine } from './served-engine.ts';

/** A request larger than this is none of ours. */
const largestBody = 256 * 1024;

/** The HTTP API over an engine. Every request but the probe of life needs the token. */
export function controlApi(served: ServedEngine, token: string): Hono {
  const { engine, ids } = served;
  const app = new Hono();
  const asker = () => ({ actorRef: 'controller', requestId: ids.next() });

  app.onError((error, context) => refuse(context, error));
  app.notFound((context) => refuse(context, new SluiceError('notFound', `no such page: ${context.req.method} ${context.req.path}`)));
  app.get('/health', (context) => context.json({ status: 'ok' }));
  app.use('/v1/*', async (context, next) => {
    if (!authorized(context.req.header('authorization'), token))
      throw new SluiceError('forbidden', 'the token is missing or wrong', { hint: 'the sluice command reads it from the state folder' });
    await next();
  });
  app.use(
    '/v1/*',
    bodyLimit({
      maxSize: largestBody,
      onError: (context) => refuse(context, new SluiceError('usage', `the request is larger than ${largestBody} bytes`)),
    }),
  );

  app.get('/v1/about', (context) => context.json(served.about));
  app.get('/v1/status', async (context) => context.json({ services: await served.statuses(filterOf(context)) }));
  app.get('/v1/deployments', async (context) => {
    const found = unwrap(await engine.deployments({ ...filterOf(context), limit: 200 }));
    return context.json({ deployments: found.map(deploymentToWire) });
  });
  app.post('/v1/deployments', async (context) => {
    const body = await bodyOf(context, deployRequest);
    const { pipeline = 'default', ...order } = body;
    const made = unwrap(await engine.requestDeployment({ ...order, pipeline }, asker()));
    return context.json({ deployments: made.map(deploymentToWire) }, 201);
  });
  app.get('/v1/deployments/:id', async (context) =>
    context.json(deploymentToWire(unwrap(await engine.deployment(context.req.param('id'))).deployment)),
  );
  app.get('/v1/deployments/:id/timeline', async (context) => context.json({ lines: await served.timeline(context.req.param('id')) }));
  app.get('/v1/deployments/:id/approval', async (context) => context.json(await served.approval(context.req.param('id'))));
  app.post('/v1/deployments/:id/approvals', async (context) => {
    const { subject, expiresAt, ...given } = await bodyOf(context, approveRequest);
    const approval = { ...given, subject: parseDigest(subject), expiresAt: Date.parse(expiresAt) };
    return context.json(deploymentToWire(unwrap(await engine.approve(context.req.param('id'), approval, ids.next())).deployment), 201);
  });
  app.post('/v1/rollbacks', async (context) => {
    const { to, ...place } = await bodyOf(context, rollbackRequest);
    return context.json(deploymentToWire(unwrap(await engine.rollback({ ...place, ...(to === undefined ? {} : { to }) }, asker()))), 201);
  });
  app.post('/v1/reverts', async (context) => {
    const { reason, ...place } = await bodyOf(context, revertRequest);
    unwrap(await engine.revert(place, { by: 'api', reason, actorRef: 'controller' }));
    return context.json({ services: await served.statuses(place) }, 201);
  });
  app.get('/v1/people', async (context) => context.json({ people: unwrap(await engine.people()) }));
  app.post('/v1/people', async (context) => context.json(unwrap(await engine.addPerson(await bodyOf(context, personWire), asker())), 201));
  app.get('/v1/ledger/checkpoint', async (context) => context.json(await served.checkpoint()));
  app.get('/v1/ledger/proofs/:deployment', async (context) => context.json(await served.proof(context.req.param('deployment'))));
  return app;
}

/** Compares digests of both, so that the time it takes tells nothing of the token. */
function authorized(header: string | undefined, token: string): boolean {
  return timingSafeEqual(Buffer.from(digestOf(header ?? '')), Buffer.from(digestOf(`Bearer ${token}`)));
}

function filterOf(context: Context): { readonly service?: string; readonly environment?: string } {
  const { service, environment } = context.req.query();
  return { ...(service === undefined ? {} : { service }), ...(environment === undefined ? {} : { environment }) };
}

async function bodyOf<Schema extends z.ZodType>(context: Context, schema: Schema): Promise<z.infer<Schema>> {
  const json: unknown = await context.req.json().catch(() => {
    throw new SluiceError('usage', 'the request body is not JSON');
  });
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`);
  throw new SluiceError('usage', problems.join('; '));
}

function unwrap<T>(result: Result<T, SluiceError>): T {
  if (!result.ok) throw result.error;
  return result.value;
}

/** A refusal as data. What nobody expected is told by its kind only: its text may hold what is nobody's business. */
function refuse(context: Context, thrown: unknown): Response {
  const wire = toWireError(thrown);
  const error = wire.code === 'internal' ? { ...wire, message: 'the control plane failed at this request; its log says why' } : wire;
  return context.json({ error }, errorCodes[wire.code].http as ContentfulStatusCode);
}
