export { checkDelivery } from './checked-delivery.ts';
export { explain } from './explanation.ts';
export type { Explanation } from './explanation.ts';
export type { Plan, PlannedGate, PlannedJob } from './plan.ts';
export { plan } from './planner.ts';
export type { PlanOptions } from './planner.ts';
export { planError, problemLine } from './problem.ts';
export type { PlanProblem } from './problem.ts';
export { planJson, planTree } from './tree.ts';
