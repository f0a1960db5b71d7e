import { StoreError } from "dispatch-gate";
import { defineStore, type Store } from "../../src/store/port.js";

/** What is wrong with a store. */
export type Fault = "none" | "down" | "full" | "locked" | "silent" | "internal" | "commit";

/** A store with a switch for what is wrong with it. */
export interface FaultyStore {
  readonly store: Store;
  fault: Fault;
}

/** A store whose steps fail as those of a real one do. */
export function faulty(inner: Store): FaultyStore {
  const made: { store: Store; fault: Fault } = { store: inner, fault: "none" };
  const fail = async (waitMs: number): Promise<void> => {
    switch (made.fault) {
      case "none":
        return;
      case "down":
        throw new StoreError("store_io", "the disk failed", { nothingDone: true });
      case "full":
        throw new StoreError("store_full", "the disk is full", { nothingDone: true });
      case "commit":
        throw new StoreError("store_io", "the disk failed while the step was committed");
      case "locked":
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, waitMs) + 5));
        throw new StoreError("store_busy", "the database is locked", { nothingDone: true });
      case "silent":
        // The step is done after all, once nobody waits for it any more.
        while (made.fault === "silent") await new Promise((resolve) => setTimeout(resolve, 10));
        return;
      case "internal":
        throw new Error("planted");
    }
  };
  const reading = async (): Promise<void> => {
    if (made.fault === "down") await fail(0);
  };
  made.store = defineStore({
    ...inner,
    claim: async (request) => {
      await fail(request.waitMs);
      return inner.claim(request);
    },
    settle: async (request) => {
      await fail(request.waitMs);
      return inner.settle(request);
    },
    change: async (change) => {
      await fail(change.waitMs);
      return inner.change(change);
    },
    read: async (query) => {
      await reading();
      return inner.read(query);
    },
    page: async (query) => {
      await reading();
      return inner.page(query);
    },
  });
  return made;
}
