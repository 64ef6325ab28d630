import { runAgent } from '#target-local';
import { embeddedRouterOf } from '../src/agent-main.ts';

const stateFolder = process.argv[2] ?? '';
const outcome = await runAgent({ stateFolder, supervision: embeddedRouterOf(stateFolder) });
process.exit(outcome === 'stopped' ? 0 : 1);
