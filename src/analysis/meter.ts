/** What a question to the solver may still cost. Without one, a policy written for it would keep the solver for ever. */
export interface Meter {
  /** @throws BudgetSpent when the steps are used up. */
  readonly spend: (steps: number) => void;
}

/** A question was given up: nothing is known about its answer. */
export class BudgetSpent extends Error {
  constructor() {
    super("the budget of the question is spent");
    this.name = "BudgetSpent";
  }
}

export function createMeter(budget: number): Meter {
  let left = budget;
  return {
    spend: (steps) => {
      left -= steps;
      if (left < 0) throw new BudgetSpent();
    },
  };
}
