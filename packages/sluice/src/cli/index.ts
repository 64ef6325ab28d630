export type { ControlPlane, ServeOptions } from './control-plane.ts';
export type { Doctor, Finding, ServiceTrial } from './doctor.ts';
export { defaultIdentityFile, readCards, readIdentity } from './identity-store.ts';
export { runCli } from './run-cli.ts';
export type { OpenRun, OpenRunOrder, RunMachine, StoredRun } from './run-machine.ts';
export { Terminal } from './terminal.ts';
export type { Project, World } from './world.ts';
export { Interruption, stopSignals } from './interruption.ts';
export type { StopSignal } from './interruption.ts';
