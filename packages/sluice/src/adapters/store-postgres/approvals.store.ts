import type { ApprovalRecord, ApprovalStore } from '#workflow';

/** Approvals in PostgreSQL. */
export const approvals: ApprovalStore = {
  put: async (tx, approval) => {
    await tx.query(
      `insert into approval (deployment, subject, person, document, given_at) values ($1, $2, $3, $4, $5)
       on conflict (deployment, subject, person) do update set document = excluded.document, given_at = excluded.given_at`,
      [approval.deployment, approval.subject, approval.person, JSON.stringify(approval), approval.at],
    );
  },
  of: async (tx, deployment) =>
    (
      await tx.query<{ document: ApprovalRecord }>('select document from approval where deployment = $1 order by given_at, person', [
        deployment,
      ])
    ).map(({ document }) => document),
};
