import { APPROVALS } from "./contract/approvals.js";
import { CLAIMS } from "./contract/claims.js";
import { ERASURES } from "./contract/erasures.js";
import { EVIDENCE } from "./contract/evidence.js";
import { OUTAGES } from "./contract/outages.js";
import { PLACES } from "./contract/places.js";
import { QUEUE_AND_WAITING } from "./contract/queue.js";
import { RELEASES } from "./contract/releases.js";
import { STOPS } from "./contract/stops.js";
import { VERIFYING } from "./contract/verify.js";
import type { Store } from "./port.js";

/** One requirement of the store port, with what shows that a store meets it. */
export interface StoreContractCase {
  /** A sentence: what the store must do. */
  readonly name: string;
  /** Rejects when it does not. */
  readonly run: () => Promise<void>;
}

/**
 * The suite that every store passes. `open` MUST answer a new, empty store each time; the suite closes it.
 * Runs in any test runner: `for (const { name, run } of storeContract(open)) test(name, run)`.
 */
export function storeContract(open: () => Store | Promise<Store>): readonly StoreContractCase[] {
  const all = [
    ...CLAIMS,
    ...PLACES,
    ...APPROVALS,
    ...QUEUE_AND_WAITING,
    ...RELEASES,
    ...EVIDENCE,
    ...ERASURES,
    ...STOPS,
    ...OUTAGES,
    ...VERIFYING,
  ];
  return all.map(([name, check]) => ({
    name,
    run: async () => {
      const store = await open();
      try {
        await check(store);
      } finally {
        await store.close();
      }
    },
  }));
}
