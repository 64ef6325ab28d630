import { SluiceError, toWireError, type Result } from '#kernel';
import type { CommitAnswer, CommitOrder } from './commit-process.ts';
import { commitPipelines, localArtifacts } from './pipeline-runner.ts';
import { localRunMachine } from './run-machine.ts';

/** The process that works on one commit: its order comes from the control plane, and its answer goes there. */
const stop = new AbortController();
// Without a control plane nobody waits for the answer: what runs is ended in order, and this process with it.
process.once('disconnect', () => stop.abort(new SluiceError('conflict', 'the control plane ended')));
process.on('message', (message) => {
  const order = message as CommitOrder | { readonly kind: 'stop' };
  if (order.kind === 'stop') stop.abort(new SluiceError('conflict', 'the work on this commit was stopped'));
  else void work(order).then(answer, (error: unknown) => answer({ kind: 'error', error: toWireError(error) }));
});

async function work({ kind, settings, order }: CommitOrder): Promise<CommitAnswer> {
  const { signal } = stop;
  const done: Result<unknown, SluiceError> =
    kind === 'run'
      ? await commitPipelines({ ...settings, machine: localRunMachine(settings) }).run({ ...order, signal })
      : await localArtifacts(settings.stateFolder, settings.repository).build({ ...order, signal });
  return done.ok ? { kind: 'value', value: done.value } : { kind: 'error', error: done.error.toWire() };
}

function answer(said: CommitAnswer): void {
  if (process.connected) process.send?.(said, () => process.disconnect());
  else process.exit(1);
}
