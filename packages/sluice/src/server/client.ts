import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { request as requestOverTls } from 'node:https';
import type { z } from 'zod';
import { signRequest, type Identity } from '#access';
import { digestOf, fromWireError, SluiceError } from '#kernel';
import {
  changeAnswer,
  registerWire,
  type CardRequest,
  type ChangeAnswerWire,
  type ChangeRequest,
  type RegisterWire,
} from './register-wire.ts';
import {
  aboutWire,
  approvalView,
  checkpointWire,
  deploymentList,
  deploymentWire,
  errorWire,
  proofWire,
  statusList,
  timelineList,
  type AboutWire,
  type ApprovalView,
  type ApproveRequest,
  type CheckpointWire,
  type DeploymentWire,
  type DeployRequest,
  type ProofWire,
  type CancelRequest,
  type HoldRequest,
  type SteerRequest,
  type RevertRequest,
  type RollbackRequest,
  type StatusWire,
  type TimelineLine,
} from './schema.ts';

/** Who a client speaks for: a person by their key, a machine or the operator by a token. */
export type Credential =
  | { readonly kind: 'person'; readonly identity: Identity; readonly now: () => number }
  | { readonly kind: 'token'; readonly token: string };

/** Where a control plane answers, what names it to those who sign, and the operator's token where this user can read it. */
export type ControlAddress = { readonly url: string; readonly plane: string; readonly token?: string };

type Ask = { readonly method: 'GET' | 'POST'; readonly path: string; readonly body?: unknown };

/** The HTTP API, typed. Every answer is read through its schema; a refusal is thrown as the error it says. */
export class ControlClient {
  readonly #address: ControlAddress;
  #credentials: readonly Credential[];

  /** Speaks for the first of the credentials; a person who is not admitted there leaves the word to the next. */
  constructor(address: ControlAddress, credentials: readonly Credential[] = []) {
    this.#address = address;
    this.#credentials = [...credentials, ...(address.token === undefined ? [] : [{ kind: 'token', token: address.token } as const])];
  }

  /** What names the control plane to those who sign for it. */
  get plane(): string {
    return this.#address.plane;
  }

  about(): Promise<AboutWire> {
    return this.#ask(aboutWire, { method: 'GET', path: '/v1/about' });
  }

  async deploy(body: DeployRequest): Promise<readonly DeploymentWire[]> {
    return (await this.#ask(deploymentList, { method: 'POST', path: '/v1/deployments', body })).deployments;
  }

  async deployments(filter: { readonly service?: string; readonly environment?: string }): Promise<readonly DeploymentWire[]> {
    return (await this.#ask(deploymentList, { method: 'GET', path: `/v1/deployments${query(filter)}` })).deployments;
  }

  deployment(id: string): Promise<DeploymentWire> {
    return this.#ask(deploymentWire, { method: 'GET', path: `/v1/deployments/${encodeURIComponent(id)}` });
  }

  async timeline(id: string): Promise<readonly TimelineLine[]> {
    return (await this.#ask(timelineList, { method: 'GET', path: `/v1/deployments/${encodeURIComponent(id)}/timeline` })).lines;
  }

  approval(id: string): Promise<ApprovalView> {
    return this.#ask(approvalView, { method: 'GET', path: `/v1/deployments/${encodeURIComponent(id)}/approval` });
  }

  approve(id: string, body: ApproveRequest): Promise<DeploymentWire> {
    return this.#ask(deploymentWire, { method: 'POST', path: `/v1/deployments/${encodeURIComponent(id)}/approvals`, body });
  }

  rollback(body: RollbackRequest): Promise<DeploymentWire> {
    return this.#ask(deploymentWire, { method: 'POST', path: '/v1/rollbacks', body });
  }

  async revert(body: RevertRequest): Promise<readonly StatusWire[]> {
    return (await this.#ask(statusList, { method: 'POST', path: '/v1/reverts', body })).services;
  }

  cancel(body: CancelRequest): Promise<DeploymentWire> {
    return this.#ask(deploymentWire, { method: 'POST', path: '/v1/cancellations', body });
  }

  promote(body: SteerRequest): Promise<DeploymentWire> {
    return this.#ask(deploymentWire, { method: 'POST', path: '/v1/promotions', body });
  }

  resume(body: SteerRequest): Promise<DeploymentWire> {
    return this.#ask(deploymentWire, { method: 'POST', path: '/v1/resumptions', body });
  }

  abort(body: SteerRequest): Promise<DeploymentWire> {
    return this.#ask(deploymentWire, { method: 'POST', path: '/v1/aborts', body });
  }

  hold(body: HoldRequest): Promise<DeploymentWire> {
    return this.#ask(deploymentWire, { method: 'POST', path: '/v1/holds', body });
  }

  async status(filter: { readonly service?: string; readonly environment?: string }): Promise<readonly StatusWire[]> {
    return (await this.#ask(statusList, { method: 'GET', path: `/v1/status${query(filter)}` })).services;
  }

  people(): Promise<RegisterWire> {
    return this.#ask(registerWire, { method: 'GET', path: '/v1/people' });
  }

  handInCard(body: CardRequest): Promise<ChangeAnswerWire> {
    return this.#ask(changeAnswer, { method: 'POST', path: '/v1/people/cards', body });
  }

  change(of: 'people' | 'machines' | 'leases', body: ChangeRequest): Promise<ChangeAnswerWire> {
    return this.#ask(changeAnswer, { method: 'POST', path: `/v1/${of}/changes`, body });
  }

  confirmChange(number: number, confirmation: ChangeRequest['confirmation']): Promise<ChangeAnswerWire> {
    return this.#ask(changeAnswer, { method: 'POST', path: `/v1/people/changes/${number}/confirmations`, body: { confirmation } });
  }

  refuseChange(number: number): Promise<RegisterWire> {
    return this.#ask(registerWire, { method: 'POST', path: `/v1/people/changes/${number}/refusals`, body: {} });
  }

  checkpoint(): Promise<CheckpointWire> {
    return this.#ask(checkpointWire, { method: 'GET', path: '/v1/ledger/checkpoint' });
  }

  proof(deployment: string): Promise<ProofWire> {
    return this.#ask(proofWire, { method: 'GET', path: `/v1/ledger/proofs/${encodeURIComponent(deployment)}` });
  }

  async #ask<Schema extends z.ZodType>(schema: Schema, ask: Ask): Promise<z.infer<Schema>> {
    const { status, body } = await send(this.#address.url, ask, this.#authorization(ask));
    const parsed = parseJson(body);
    if (status >= 400) {
      const refused = errorWire.safeParse(parsed);
      if (refused.success) {
        const { hint, ...error } = refused.data.error;
        const [first, ...others] = this.#credentials;
        if (error.details['reason'] === 'not-admitted' && first?.kind === 'person' && others.length > 0) {
          this.#credentials = others;
          return this.#ask(schema, ask);
        }
        throw fromWireError(hint === undefined ? error : { ...error, hint });
      }
      throw new SluiceError('unavailable', `the control plane answered ${status} to ${ask.method} ${ask.path}`);
    }
    const answer = schema.safeParse(parsed);
    if (!answer.success) {
      const issue = answer.error.issues[0];
      throw new SluiceError(
        'unavailable',
        `the control plane speaks another version: ${ask.path}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`,
        {
          hint: 'use the sluice that serves it',
        },
      );
    }
    return answer.data;
  }

  #authorization(ask: Ask): string {
    const [credential] = this.#credentials;
    if (credential === undefined)
      throw new SluiceError('forbidden', 'nobody is named to ask as', {
        hint: 'sluice identity create makes an identity; a machine puts its token into SLUICE_TOKEN',
      });
    if (credential.kind === 'token') return `Bearer ${credential.token}`;
    const { identity, now } = credential;
    return signRequest(identity.seed, {
      plane: this.#address.plane,
      person: identity.person.id,
      method: ask.method,
      target: ask.path,
      body: digestOf(text(ask) ?? ''),
      at: now(),
      nonce: randomBytes(16).toString('base64url'),
    });
  }
}

function text(ask: Ask): string | undefined {
  return ask.body === undefined ? undefined : JSON.stringify(ask.body);
}

function query(filter: Readonly<Record<string, string | undefined>>): string {
  const entries = Object.entries(filter).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return entries.length === 0 ? '' : `?${new URLSearchParams(entries).toString()}`;
}

/** How long an answer may take: nothing the API does waits for a rollout. */
const answerWithin = 30_000;

function send(url: string, ask: Ask, authorization: string): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const unreachable = (cause: Error): void =>
      reject(
        new SluiceError('unavailable', `no control plane answers at ${url}: ${cause.message}`, {
          hint: 'sluice serve starts one; sluice revert works without it',
          cause,
        }),
      );
    const body = text(ask);
    const outgoing = (url.startsWith('https:') ? requestOverTls : request)(new URL(ask.path, url), {
      method: ask.method,
      timeout: answerWithin,
      agent: false,
      headers: {
        authorization,
        ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
      },
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${answerWithin / 1_000}s`)));
    outgoing.on('error', unreachable);
    outgoing.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', unreachable);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }));
    });
    outgoing.end(body);
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
