import { connect } from 'node:net';
import type { Endpoint, HealthProbe } from '#rollout';
import { httpCall } from './http-call.ts';

/** What one look at an instance showed. `no`: it said so itself, or nobody listens. `silent`: it did not answer in time. */
export type HealthFinding = { readonly kind: 'yes' } | { readonly kind: 'no' | 'silent'; readonly note: string };

/** Looks once. */
export async function lookAt(probe: HealthProbe, endpoint: Endpoint): Promise<HealthFinding> {
  return probe.kind === 'http' ? lookByHttp(probe, endpoint) : lookByConnect(probe, endpoint);
}

async function lookByHttp(probe: Extract<HealthProbe, { kind: 'http' }>, endpoint: Endpoint): Promise<HealthFinding> {
  const answer = await httpCall(endpoint, { method: 'GET', path: probe.path, within: probe.timeout });
  if (answer.kind === 'timed-out') return { kind: 'silent', note: `GET ${probe.path} had no answer in ${probe.timeout} ms` };
  if (answer.kind === 'failed') return { kind: 'no', note: `GET ${probe.path}: ${answer.message}` };
  return answer.status >= 200 && answer.status < 300
    ? { kind: 'yes' }
    : { kind: 'no', note: `GET ${probe.path} answered ${answer.status}` };
}

async function lookByConnect(probe: Extract<HealthProbe, { kind: 'connect' }>, endpoint: Endpoint): Promise<HealthFinding> {
  return new Promise((resolve) => {
    const socket = connect(endpoint);
    const finish = (finding: HealthFinding): void => {
      socket.destroy();
      resolve(finding);
    };
    socket.setTimeout(Math.max(1, probe.timeout), () => finish({ kind: 'silent', note: `no connection in ${probe.timeout} ms` }));
    socket.once('connect', () => finish({ kind: 'yes' }));
    socket.once('error', (error) => finish({ kind: 'no', note: error.message }));
  });
}
