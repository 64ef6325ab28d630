import { plan, planError, type Plan } from '#plan';
import type { Project, World } from './world.ts';

/** The project here and the plan of one of its pipelines; throws with every mistake in the definition at once. */
export async function planProject(world: World, pipeline: string | undefined): Promise<{ readonly project: Project; readonly plan: Plan }> {
  const project = await world.loadProject();
  if (!project.ok) throw project.error;
  const made = plan(project.value.delivery, pipeline === undefined ? {} : { pipeline });
  if (!made.ok) throw planError(made.error, project.value.configFile);
  return { project: project.value, plan: made.value };
}
