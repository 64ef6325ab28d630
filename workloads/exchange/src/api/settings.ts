import { address, BadSettings, integer, MAX_LOTS, optional, readSettings, text, type Environment } from '../wire/index.ts';

/** Everything the api reads from its environment; the limits have defaults that bind at a realistic order flow. */
const apiSettings = {
  host: text('HOST', '127.0.0.1'),
  port: integer('PORT', { min: 0, max: 65_535 }),
  engine: address('ENGINE_ADDRESS'),
  engineDeadlineMs: integer('ENGINE_DEADLINE_MS', { min: 1, max: 60_000, otherwise: 5000 }), // an engine restart takes well under a second
  maxOrderLots: integer('MAX_ORDER_LOTS', { min: 1, max: MAX_LOTS, otherwise: 500 }),
  referenceTicks: integer('REFERENCE_TICKS', { min: 1, max: 1_048_575, otherwise: 10_000 }),
  collarTicks: integer('COLLAR_TICKS', { min: 1, max: 1_048_575, otherwise: 1000 }),
  maxOrdersPerSecond: integer('MAX_ORDERS_PER_SECOND', { min: 1, max: 1_000_000, otherwise: 2000 }),
  service: text('SLUICE_SERVICE', 'api'),
  version: text('SLUICE_VERSION', 'development'),
  digest: text('SLUICE_DIGEST', 'unknown'),
  control: optional(address('SLUICE_CONTROL')),
  controlToken: optional(text('SLUICE_CONTROL_TOKEN')),
};

/** Reads the environment, or throws BadSettings with every problem in one line. */
export function readApiSettings(environment: Environment) {
  const settings = readSettings(apiSettings, environment);
  if (settings.control !== undefined && settings.controlToken === undefined) {
    throw new BadSettings('SLUICE_CONTROL_TOKEN: is required when SLUICE_CONTROL is set, because anybody could drain this instance');
  }
  return settings;
}

export type ApiSettings = ReturnType<typeof readApiSettings>;
