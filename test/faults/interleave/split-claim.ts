import { createMemoryStore } from "dispatch-gate/testing";
import { type ClaimAnswer, type ClaimRequest, defineStore, type Store } from "../../../src/store/port.js";
import type { Recorded } from "../../../src/store/rows.js";

type Step = (store: Store) => Promise<unknown>;

/**
 * Reads and only later writes: what a claim finds is what the store held when it looked, and what it then writes it writes
 * whatever happened in between: while it waits in `pause` others may come.
 */
export function createSplitClaimStore(pause: () => Promise<void>): Store {
  const store = createMemoryStore();
  const steps: Step[] = [];
  const kept = async <Answer>(step: (on: Store) => Promise<Answer>): Promise<Answer> => {
    steps.push(step);
    return step(store);
  };

  /** The answer that the store gives now, without any of what it would write. */
  const look = async (request: ClaimRequest): Promise<Recorded<ClaimAnswer>> => {
    const copy = createMemoryStore();
    for (const step of steps) await step(copy);
    return copy.claim(request);
  };

  return defineStore({
    ...store,
    claim: async (request) => {
      const found = await look(request);
      if (found.status !== "claimed") return kept((on) => on.claim(request));
      await pause();
      await kept((on) => on.claim(request));
      return found;
    },
    settle: (request) => kept((on) => on.settle(request)),
    vote: (request) => kept((on) => on.vote(request)),
    change: (request) => kept((on) => on.change(request)),
    recover: (request) => kept((on) => on.recover(request)),
  });
}
