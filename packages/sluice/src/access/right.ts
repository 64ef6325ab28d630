/** Everything that can be asked of a control plane, as rights. A request for which no right is declared is refused, whoever asks. */
export const rights = ['look', 'join', 'deploy', 'revert', 'approve', 'people', 'machines', 'lower-safety'] as const;

/**
 * `look`: read everything. `join`: hand in a card and wait to be admitted. `deploy`: ask for deployments and rollbacks. `revert`: go back, or end what waits.
 * `approve`: hand in one's own signature. `people`: confirm changes of the register. `machines`: make and revoke tokens. `lower-safety`: grant leases.
 */
export type Right = (typeof rights)[number];

/** The rights that a person is given by name; what everybody admitted may do needs no grant. */
export const grantableRights = ['deploy', 'people', 'machines', 'lower-safety'] as const;
export type GrantableRight = (typeof grantableRights)[number];

/** The rights that a machine can be given: never one that counts as a person's judgement. */
export const machineRights = ['look', 'deploy', 'revert'] as const;
export type MachineRight = (typeof machineRights)[number];
