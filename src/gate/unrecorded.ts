/** Steps that record what has happened, and that the store could not take yet: in the order that they came in. */
export type Unrecorded = (() => Promise<unknown>)[];

interface Keeper {
  readonly unrecorded: Unrecorded;
}

/** Takes a step now or, where the store fails, later: see {@link recordUnrecorded}. Never rejects. */
export async function recordWhenever(keeper: Keeper, step: () => Promise<unknown>): Promise<void> {
  try {
    await step();
  } catch {
    keeper.unrecorded.push(step);
  }
}

/** Takes what could not be taken before; stops at the first that the store still refuses. */
export async function recordUnrecorded({ unrecorded }: Keeper): Promise<void> {
  for (const step of [...unrecorded]) {
    try {
      await step();
    } catch {
      return;
    }
    unrecorded.splice(unrecorded.indexOf(step), 1);
  }
}
