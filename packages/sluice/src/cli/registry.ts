import type { Command } from './command.ts';

/** Every command with its one-line summary, so that help needs to load none of them. */
export const commands = {
  init: { summary: 'write a first sluice.config.ts, or a sample service', load: async () => (await import('./commands/init.ts')).default },
  plan: { summary: 'show what would run, in which order, and why', load: async () => (await import('./commands/plan.ts')).default },
  run: { summary: 'run the pipeline here and judge its evidence', load: async () => (await import('./commands/run.ts')).default },
  report: { summary: 'show a run again: jobs, evidence, verdicts', load: async () => (await import('./commands/report.ts')).default },
  serve: {
    summary: 'run the control plane: database, agent, router, API',
    load: async () => (await import('./commands/serve.ts')).default,
  },
  down: { summary: 'stop everything of a state folder', load: async () => (await import('./commands/down.ts')).default },
  deploy: {
    summary: 'take a commit through the pipeline into an environment',
    load: async () => (await import('./commands/deploy.ts')).default,
  },
  approve: { summary: 'read what a deployment changes, and sign it', load: async () => (await import('./commands/approve.ts')).default },
  status: {
    summary: 'show what is live, what moves, and what both slots do now',
    load: async () => (await import('./commands/status.ts')).default,
  },
  watch: { summary: 'keep both slots of a service on the screen', load: async () => (await import('./commands/watch.ts')).default },
  cancel: {
    summary: 'end a deployment that waits or is stuck; production stays as it is',
    load: async () => (await import('./commands/cancel.ts')).default,
  },
  hold: {
    summary: 'keep a rollout where it is for a while; a faulty version is taken back all the same',
    load: async () => (await import('./commands/hold.ts')).default,
  },
  resume: { summary: 'end a hold: the evidence decides again', load: async () => (await import('./commands/resume.ts')).default },
  promote: {
    summary: 'go on to the next step of a rollout without the rest of the evidence',
    load: async () => (await import('./commands/promote.ts')).default,
  },
  abort: {
    summary: 'end a rollout: its traffic goes back to the version before it',
    load: async () => (await import('./commands/abort.ts')).default,
  },
  revert: {
    summary: 'put all traffic back on the slot that is still warm, at once',
    load: async () => (await import('./commands/revert.ts')).default,
  },
  rollback: {
    summary: 'bring an earlier release back by a new rollout',
    load: async () => (await import('./commands/rollback.ts')).default,
  },
  ps: { summary: 'list the processes the agent keeps', load: async () => (await import('./commands/ps.ts')).default },
  logs: { summary: 'show what the instances of a service print', load: async () => (await import('./commands/logs.ts')).default },
  ledger: {
    summary: 'verify the record offline, prove an entry, tell what happened',
    load: async () => (await import('./commands/ledger.ts')).default,
  },
  demo: {
    summary: 'an exchange under live orders: a good version, a bad one, a crash, and the proof',
    load: async () => (await import('./commands/demo.ts')).default,
  },
  doctor: {
    summary: 'say what this machine gives, and what a service keeps of the contract',
    load: async () => (await import('./commands/doctor.ts')).default,
  },
  identity: {
    summary: 'make the key that you act and approve with, and hand in its card',
    load: async () => (await import('./commands/identity.ts')).default,
  },
  people: {
    summary: 'who may do what, and the changes of it that wait for a signature',
    load: async () => (await import('./commands/people.ts')).default,
  },
  token: { summary: 'make, list and revoke the tokens of machines', load: async () => (await import('./commands/token.ts')).default },
  lease: {
    summary: 'lower the safety of an environment for a while, with a reason',
    load: async () => (await import('./commands/lease.ts')).default,
  },
} as const satisfies Readonly<Record<string, { readonly summary: string; readonly load: () => Promise<Command> }>>;

/** The name of a command. */
export type CommandName = keyof typeof commands;

/** True for a word that names a command. */
export const isCommandName = (word: string): word is CommandName => Object.hasOwn(commands, word);
