/** A task: one attempt of a job, or one of its services. `name` is unique in the world: `<run>.<number>`; `leash` is its log, which every step holds open. */
export type Task = { readonly name: string; readonly leash: string };
