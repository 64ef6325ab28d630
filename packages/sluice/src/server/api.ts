import { Hono, type Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { matchedRoutes } from 'hono/route';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { z } from 'zod';
import { actorRefOf, holds, type Principal } from '#access';
import { errorCodes, milliseconds, parseDigest, SluiceError, toWireError, type Result } from '#kernel';
import { principalOf } from './authentication.ts';
import { deploymentToWire } from './deployment-wire.ts';
import {
  answerToWire,
  cardRequest,
  changeRequest,
  confirmationOf,
  confirmRequest,
  registerToWire,
  submissionOf,
  type ChangeRequest,
} from './register-wire.ts';
import { rightOfRoute } from './route-right.ts';
import { approveRequest, cancelRequest, deployRequest, holdRequest, revertRequest, rollbackRequest, steerRequest } from './schema.ts';
import type { ServedEngine } from './served-engine.ts';

/** A request larger than this is none of ours. */
const largestBody = 256 * 1024;

/** How long a hold lasts when nobody says: a working hour. */
const usualHold = 3_600_000;

type Authenticated = { readonly Variables: { readonly principal: Principal } };

/** The HTTP API over an engine. Every request but the probe of life names its principal, and does what that one has the right to (I17). `failed` hears of what nobody expected. */
export function controlApi(served: ServedEngine, token: string, failed: (error: unknown) => void = () => undefined): Hono<Authenticated> {
  const { engine, ids } = served;
  const { register } = engine;
  const app = new Hono<Authenticated>();
  const asker = (context: Context<Authenticated>) => ({ actorRef: actorRefOf(context.get('principal')), requestId: ids.next() });

  app.onError((error, context) => {
    if (toWireError(error).code === 'internal') failed(error);
    return refuse(context, error);
  });
  app.notFound((context) => refuse(context, new SluiceError('notFound', `no such page: ${context.req.method} ${context.req.path}`)));
  app.get('/health', (context) => context.json({ status: 'ok' }));
  app.use(
    '/v1/*',
    bodyLimit({
      maxSize: largestBody,
      onError: (context) => refuse(context, new SluiceError('usage', `the request is larger than ${largestBody} bytes`)),
    }),
  );
  app.use('/v1/*', async (context, next) => {
    const { pathname, search } = new URL(context.req.url);
    if (!isPlainText(`${pathname}${search}`))
      throw new SluiceError('usage', 'the address of the request is not percent-encoded text, or holds a zero character');
    const principal = unwrap(
      await principalOf(
        {
          method: context.req.method,
          target: `${pathname}${search}`,
          authorization: context.req.header('authorization') ?? '',
          body: new Uint8Array(await context.req.arrayBuffer()),
        },
        { token, register },
      ),
    );
    mayPass(context, principal);
    context.set('principal', principal);
    await next();
  });

  app.get('/v1/about', (context) => context.json(served.about));
  app.get('/v1/status', async (context) => context.json({ services: await served.statuses(filterOf(context)) }));
  app.get('/v1/deployments', async (context) => {
    const found = unwrap(await engine.deployments({ ...filterOf(context), limit: 200 }));
    return context.json({ deployments: found.map((one) => deploymentToWire(one)) });
  });
  app.post('/v1/deployments', async (context) => {
    const body = await bodyOf(context, deployRequest);
    const { services, ref, environment, pipeline = 'default', supersede = false, again } = body;
    const order = { services, ref, environment, pipeline, supersede, ...(again === undefined ? {} : { again }) };
    const made = unwrap(await engine.requestDeployment(order, asker(context)));
    return context.json({ deployments: made.map((one) => deploymentToWire(one)) }, 201);
  });
  app.get('/v1/deployments/:id', async (context) => context.json(await served.deployment(context.req.param('id'))));
  app.get('/v1/deployments/:id/timeline', async (context) => context.json({ lines: await served.timeline(context.req.param('id')) }));
  app.get('/v1/deployments/:id/approval', async (context) => context.json(await served.approval(context.req.param('id'))));
  app.post('/v1/deployments/:id/approvals', async (context) => {
    const { subject, expiresAt, ...given } = await bodyOf(context, approveRequest);
    const principal = context.get('principal');
    if (principal.kind !== 'person' || principal.person !== given.person)
      throw new SluiceError('forbidden', 'a signature is handed in by whoever gave it, and by nobody else', {
        hint: 'sluice approve signs with your identity (--file or SLUICE_IDENTITY)',
      });
    const approval = { ...given, subject: parseDigest(subject), expiresAt: Date.parse(expiresAt) };
    return context.json(deploymentToWire(unwrap(await engine.approve(context.req.param('id'), approval, ids.next())).deployment), 201);
  });
  app.post('/v1/rollbacks', async (context) => {
    const { to, again, ...place } = await bodyOf(context, rollbackRequest);
    const order = { ...place, ...(to === undefined ? {} : { to }), ...(again === undefined ? {} : { again }) };
    return context.json(deploymentToWire(unwrap(await engine.rollback(order, asker(context)))), 201);
  });
  app.post('/v1/reverts', async (context) => {
    const { reason, ...place } = await bodyOf(context, revertRequest);
    const { actorRef } = asker(context);
    unwrap(await engine.revert(place, { by: actorRef, reason, actorRef }));
    return context.json({ services: await served.statuses(place) }, 201);
  });
  app.post('/v1/cancellations', async (context) => {
    const { reason, deployment, service = '', environment = '' } = await bodyOf(context, cancelRequest);
    const target = deployment === undefined ? { service, environment } : { deployment };
    return context.json(deploymentToWire(unwrap(await engine.cancel(target, reason, asker(context)))), 201);
  });
  for (const [page, verb] of [
    ['/v1/promotions', 'promote'],
    ['/v1/resumptions', 'resume'],
    ['/v1/aborts', 'abort'],
  ] as const) {
    app.post(page, async (context) => {
      const { reason, ...place } = await bodyOf(context, steerRequest);
      return context.json(deploymentToWire(unwrap(await engine.steer(place, { verb, reason }, asker(context)))), 201);
    });
  }
  app.post('/v1/holds', async (context) => {
    const { reason, forMs = usualHold, ...place } = await bodyOf(context, holdRequest);
    return context.json(
      deploymentToWire(unwrap(await engine.steer(place, { verb: 'hold', reason, for: milliseconds(forMs) }, asker(context)))),
      201,
    );
  });

  app.get('/v1/people', async (context) => context.json(registerToWire(unwrap(await register.view()), served.clock.now())));
  app.post('/v1/people/cards', async (context) =>
    context.json(answerToWire(unwrap(await register.join(await bodyOf(context, cardRequest), asker(context)))), 201),
  );
  const changes = (path: string, kinds: readonly ChangeRequest['change']['kind'][]): void => {
    app.post(path, async (context) => {
      const body = await bodyOf(context, changeRequest);
      if (!kinds.includes(body.change.kind)) throw new SluiceError('usage', `change.kind: expected one of ${kinds.join(', ')}`);
      return context.json(answerToWire(unwrap(await register.submit(submissionOf(body), context.get('principal'), ids.next()))), 201);
    });
  };
  changes('/v1/people/changes', ['admit', 'change', 'remove']);
  changes('/v1/machines/changes', ['admit-machine', 'revoke-machine']);
  changes('/v1/leases/changes', ['grant-lease', 'end-lease']);
  app.post('/v1/people/changes/:number/confirmations', async (context) => {
    const { confirmation } = await bodyOf(context, confirmRequest);
    const number = numberOf(context.req.param('number'));
    const given = confirmationOf(confirmation);
    return context.json(answerToWire(unwrap(await register.confirm(number, given, context.get('principal'), ids.next()))), 201);
  });
  app.post('/v1/people/changes/:number/refusals', async (context) => {
    unwrap(await register.refuse(numberOf(context.req.param('number')), context.get('principal')));
    return context.json(registerToWire(unwrap(await register.view()), served.clock.now()), 201);
  });
  app.get('/v1/ledger/checkpoint', async (context) => context.json(await served.checkpoint()));
  app.get('/v1/ledger/proofs/:deployment', async (context) => context.json(await served.proof(context.req.param('deployment'))));
  return app;
}

/** Refuses whoever has not the right that the page asks for; a page on which nobody decided is refused to all. */
function mayPass(context: Context, principal: Principal): void {
  const method = context.req.method === 'HEAD' ? 'GET' : context.req.method;
  const page = matchedRoutes(context).findLast((route) => route.method === method);
  // No such page: whoever is known may hear that.
  if (page === undefined) return;
  const right = rightOfRoute(page.method, page.path);
  if (right !== undefined && holds(principal, right)) return;
  const who = { operator: 'the token of the state folder', person: 'this person', machine: 'this token' }[principal.kind];
  throw new SluiceError(
    'forbidden',
    `${who} does not have the right "${right ?? 'none is declared'}" that ${page.method} ${page.path} asks for`,
    {
      details: { reason: 'no-right' },
      hint:
        right === 'approve' || principal.kind === 'operator'
          ? 'act as yourself: sluice identity create, then sluice identity register'
          : 'sluice people shows who has which right',
    },
  );
}

function numberOf(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0 || !/^\d+$/.test(text)) throw new SluiceError('usage', 'expected the number of a change');
  return number;
}

function filterOf(context: Context<Authenticated>): { readonly service?: string; readonly environment?: string } {
  const { service, environment } = context.req.query();
  return { ...(service === undefined ? {} : { service }), ...(environment === undefined ? {} : { environment }) };
}

async function bodyOf<Schema extends z.ZodType>(context: Context<Authenticated>, schema: Schema): Promise<z.infer<Schema>> {
  const json: unknown = await context.req.json().catch(() => {
    throw new SluiceError('usage', 'the request body is not JSON');
  });
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const { issues } = parsed.error;
    const problems = issues.slice(0, mostProblems).map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`);
    const more = issues.length > mostProblems ? [`and ${issues.length - mostProblems} more`] : [];
    throw new SluiceError('usage', [...problems, ...more].join('; '));
  }
  const zero = pathOfZero(parsed.data);
  if (zero !== undefined) throw new SluiceError('usage', `${zero}: holds a zero character`);
  return parsed.data;
}

/** More mistakes in one request than these are counted. */
const mostProblems = 10;

/** No text of ours has a zero character, and PostgreSQL keeps none: it is refused here, before anything meets it that cannot. */
function pathOfZero(value: unknown, path = ''): string | undefined {
  if (typeof value === 'string') return value.includes('\0') ? path || 'body' : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [name, inner] of Object.entries(value)) {
    const found = name.includes('\0') ? path || 'body' : pathOfZero(inner, path === '' ? name : `${path}.${name}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isPlainText(encoded: string): boolean {
  try {
    return !decodeURIComponent(encoded).includes('\0');
  } catch {
    return false;
  }
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
