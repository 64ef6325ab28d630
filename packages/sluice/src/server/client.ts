import { request } from 'node:http';
import type { z } from 'zod';
import { fromWireError, SluiceError } from '#kernel';
import {
  aboutWire,
  approvalView,
  checkpointWire,
  deploymentList,
  deploymentWire,
  errorWire,
  personList,
  personWire,
  proofWire,
  statusList,
  timelineList,
  type AboutWire,
  type ApprovalView,
  type ApproveRequest,
  type CheckpointWire,
  type DeploymentWire,
  type DeployRequest,
  type PersonWire,
  type ProofWire,
  type RevertRequest,
  type RollbackRequest,
  type StatusWire,
  type TimelineLine,
} from './schema.ts';

/** Where a control plane answers, and the token it wants; `serve` leaves this in its state folder for its owner alone. */
export type ControlAddress = { readonly url: string; readonly token: string };

type Ask = { readonly method: 'GET' | 'POST'; readonly path: string; readonly body?: unknown };

/** The HTTP API, typed. Every answer is read through its schema; a refusal is thrown as the error it says. */
export class ControlClient {
  readonly #address: ControlAddress;

  constructor(address: ControlAddress) {
    this.#address = address;
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

  async status(filter: { readonly service?: string; readonly environment?: string }): Promise<readonly StatusWire[]> {
    return (await this.#ask(statusList, { method: 'GET', path: `/v1/status${query(filter)}` })).services;
  }

  async people(): Promise<readonly PersonWire[]> {
    return (await this.#ask(personList, { method: 'GET', path: '/v1/people' })).people;
  }

  addPerson(body: PersonWire): Promise<PersonWire> {
    return this.#ask(personWire, { method: 'POST', path: '/v1/people', body });
  }

  checkpoint(): Promise<CheckpointWire> {
    return this.#ask(checkpointWire, { method: 'GET', path: '/v1/ledger/checkpoint' });
  }

  proof(deployment: string): Promise<ProofWire> {
    return this.#ask(proofWire, { method: 'GET', path: `/v1/ledger/proofs/${encodeURIComponent(deployment)}` });
  }

  async #ask<Schema extends z.ZodType>(schema: Schema, ask: Ask): Promise<z.infer<Schema>> {
    const { status, body } = await send(this.#address, ask);
    const parsed = parseJson(body);
    if (status >= 400) {
      const refused = errorWire.safeParse(parsed);
      if (refused.success) {
        const { hint, ...error } = refused.data.error;
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
}

function query(filter: Readonly<Record<string, string | undefined>>): string {
  const entries = Object.entries(filter).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return entries.length === 0 ? '' : `?${new URLSearchParams(entries).toString()}`;
}

/** How long an answer may take: nothing the API does waits for a rollout. */
const answerWithin = 30_000;

function send(address: ControlAddress, ask: Ask): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const unreachable = (cause: Error): void =>
      reject(
        new SluiceError('unavailable', `no control plane answers at ${address.url}: ${cause.message}`, {
          hint: 'sluice serve starts one; sluice revert works without it',
          cause,
        }),
      );
    const body = ask.body === undefined ? undefined : JSON.stringify(ask.body);
    const outgoing = request(new URL(ask.path, address.url), {
      method: ask.method,
      timeout: answerWithin,
      agent: false,
      headers: {
        authorization: `Bearer ${address.token}`,
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
