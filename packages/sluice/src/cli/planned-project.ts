import { plan, planError, type Plan } from '#plan';
import type { Project, World } from './world.ts';

/** Told before anything runs: what `sluice run` passes without a gate, `sluice deploy` refuses. Undefined where the plan has gates, or nothing is deployed. */
export function noGateWarning({ delivery }: Project, made: Plan): string | undefined {
  if (made.gates.length > 0 || Object.keys(delivery.environments).length === 0) return undefined;
  return 'no gate: only the exit codes of its jobs speak for this pipeline, and sluice deploy takes no commit on them';
}

/** The project here and the plan of one of its pipelines; throws with every mistake in the definition at once. */
export async function planProject(world: World, pipeline: string | undefined): Promise<{ readonly project: Project; readonly plan: Plan }> {
  const project = await world.loadProject();
  if (!project.ok) throw project.error;
  const made = plan(project.value.delivery, pipeline === undefined ? {} : { pipeline });
  if (!made.ok) throw planError(made.error, project.value.configFile);
  return { project: project.value, plan: made.value };
}
