/** What a question to the solver may still cost. Without one, a policy written for it would keep the solver for ever. */
export interface Meter {
  /** @throws BudgetSpent when the steps are used up, the question's or the run's. */
  readonly spend: (steps: number) => void;
}

/** A question was given up: nothing is known about its answer. */
export class BudgetSpent extends Error {
  constructor() {
    super("the budget of the question is spent");
    this.name = "BudgetSpent";
  }
}

/** What all questions of one run may cost together, and how many were given up once it was spent. */
export interface Ledger {
  /** A meter for one question. */
  readonly open: () => Meter;
  /** Writes down work that is done between questions, or beside one. Never throws. */
  readonly charge: (steps: number) => void;
  readonly isSpent: () => boolean;
  /** Counts work that is left undone because {@link isSpent}. */
  readonly giveUp: () => void;
  readonly givenUp: () => number;
}

/** What a question costs before its first step: the setting up of it. */
const QUESTION = 10;

export function createLedger(question: number, run: number): Ledger {
  let left = run;
  let givenUp = 0;
  return {
    open: () => {
      let own = question;
      let failed = false;
      left -= QUESTION;
      return {
        spend: (steps) => {
          own -= steps;
          // A question that can have no answer asks for more steps than there are: that is not the run's to pay.
          left -= Number.isFinite(steps) ? steps : 0;
          if (left >= 0 && own >= 0) return;
          if (left < 0 && !failed) givenUp += 1;
          failed = true;
          throw new BudgetSpent();
        },
      };
    },
    charge: (steps) => {
      left -= steps;
    },
    isSpent: () => left < 0,
    giveUp: () => {
      givenUp += 1;
    },
    givenUp: () => givenUp,
  };
}

/** A meter for one question alone. */
export function createMeter(budget: number): Meter {
  return createLedger(budget, Number.POSITIVE_INFINITY).open();
}
