import type { OptionSpec } from './command.ts';

/** Which environment is meant. */
export const environmentOption = {
  environment: { type: 'string', short: 'e', value: 'name', says: 'the environment (default: the only one there is)' },
} as const satisfies Record<string, OptionSpec>;

/** Which control plane is meant. */
export const stateOption = {
  state: {
    type: 'string',
    value: 'folder',
    says: 'state folder of the control plane (default: .sluice beside the configuration, or SLUICE_STATE)',
  },
} as const satisfies Record<string, OptionSpec>;

/** Whose identity signs. */
export const identityOption = {
  file: { type: 'string', value: 'path', says: 'the identity file (default: ~/.config/sluice/identity.json, or SLUICE_IDENTITY)' },
} as const satisfies Record<string, OptionSpec>;
