import type { Right } from '#access';

/**
 * What each page of the API asks of whoever uses it: the whole table. A page that is not in it is refused to everybody, so that one that is added without a
 * thought about who may use it does nothing.
 */
export const routeRights = {
  'GET /v1/about': 'look',
  'GET /v1/status': 'look',
  'GET /v1/deployments': 'look',
  'POST /v1/deployments': 'deploy',
  'GET /v1/deployments/:id': 'look',
  'GET /v1/deployments/:id/timeline': 'look',
  'GET /v1/deployments/:id/approval': 'look',
  'POST /v1/deployments/:id/approvals': 'approve',
  'POST /v1/rollbacks': 'deploy',
  'POST /v1/reverts': 'revert',
  'POST /v1/cancellations': 'revert',
  'POST /v1/aborts': 'revert',
  'POST /v1/holds': 'revert',
  'POST /v1/resumptions': 'deploy',
  'POST /v1/promotions': 'deploy',
  'GET /v1/people': 'look',
  'POST /v1/people/cards': 'join',
  'POST /v1/people/changes': 'people',
  'POST /v1/people/changes/:number/confirmations': 'people',
  'POST /v1/people/changes/:number/refusals': 'people',
  'POST /v1/machines/changes': 'machines',
  'POST /v1/leases/changes': 'lower-safety',
  'GET /v1/ledger/checkpoint': 'look',
  'GET /v1/ledger/proofs/:deployment': 'look',
} as const satisfies Readonly<Record<`${'GET' | 'POST'} /v1/${string}`, Right>>;

/** The right that a page asks for, undefined when nobody decided on one. */
export const rightOfRoute = (method: string, path: string): Right | undefined => {
  const key = `${method} ${path}`;
  return Object.hasOwn(routeRights, key) ? routeRights[key as keyof typeof routeRights] : undefined;
};
