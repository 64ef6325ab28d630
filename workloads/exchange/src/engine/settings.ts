import { address, integer, optional, readSettings, text, type Environment } from '../wire/index.ts';

/** Everything the engine reads from its environment. */
const engineSettings = {
  host: text('HOST', '127.0.0.1'),
  port: integer('PORT', { min: 0, max: 65_535 }),
  journalDirectory: text('JOURNAL_DIR'),
  control: optional(address('SLUICE_CONTROL')),
};

/** Reads the environment, or throws BadSettings with every problem in one line. */
export const readEngineSettings = (environment: Environment) => readSettings(engineSettings, environment);
