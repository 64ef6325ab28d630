import { SluiceError } from '#kernel';
import type { World } from './world.ts';

/** The one environment the project defines; with several of them the person has to say which. */
export async function onlyEnvironment(world: World): Promise<string> {
  const project = await world.loadProject();
  if (!project.ok) throw project.error;
  const names = Object.keys(project.value.delivery.environments);
  const [only] = names;
  if (only !== undefined && names.length === 1) return only;
  if (only === undefined)
    throw new SluiceError('config', `${project.value.configFile} defines no environment`, { hint: 'add environments: { … } to it' });
  throw new SluiceError('usage', `which environment: ${names.join(', ')}?`, { hint: `add --environment ${only}` });
}
