/** A task: one attempt of a job, or one of its services. `name` is unique in the world: it begins with the mark of the run; `leash` is its log, which its steps write to. */
export type Task = { readonly name: string; readonly leash: string };
